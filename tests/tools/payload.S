/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smallest kernel that counts as running: it writes a VMCOREINFO note into its memory and halts. A vmlinux for the
 * tests that boot and stop a thousand times. */
        .text
        .code64
        .globl _start
_start:
        cli
        leaq    note(%rip), %rsi
        leaq    page(%rip), %rdi
        movl    $(note_end - note), %ecx
        rep movsb
halted: hlt
        jmp     halted

        .balign 64                      /* not a page: here the note does not count as one */
note:   .long   11                      /* size of the name with its NUL */
        .long   note_end - text
        .long   0
        .asciz  "VMCOREINFO"
        .byte   0
text:   .ascii  "OSRELEASE=payload\n"
note_end:

        .bss
        .balign 4096
page:   .skip   4096
        .section .note.GNU-stack, "", @progbits
