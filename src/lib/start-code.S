/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot CPU of a secondary runs first, and last. A SIPI starts it in real mode at page:0000 with interrupts
 * off. INIT leaves CR0.CD and CR0.NW as they were (Intel SDM vol. 3, "Processor State After Reset"), so
 * caching may be off: nothing is written to memory before they are clear.
 *
 * The blob is data of the library. C copies it to the start page, adds the page's address to the two
 * pointers that are assembled relative to it, and fills in the fields (start-code.h). */
#include "start-code.h"

#define CR0_PE 0x00000001
#define CR0_NW 0x20000000
#define CR0_CD 0x40000000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

        .section .rodata.start_code, "a"
        .balign 16
        .globl start_code_blob, start_code_blob_end
        .hidden start_code_blob, start_code_blob_end
start_code_blob:
        .code16
        jmp     real_mode

        .org    start_code_blob + START_REACHED, 0x90
reached:        .long 0
pml4:           .long 0
entry:          .quad 0
boot_params:    .quad 0
gdt_pointer:    .word gdt_end - gdt - 1
                .long gdt - start_code_blob
                .word 0
far_pointer:    .long long_mode - start_code_blob
                .word START_CODE_SELECTOR

        .org    start_code_blob + START_PARK
        .code64
        endbr64                         /* reached by an indirect call */
        cli
park:   hlt
        jmp     park                    /* after an NMI */
        .code16

        .balign 8
gdt:            .quad 0                  /* 0x00: none */
                .quad 0                  /* 0x08: unused */
                .quad 0x00af9b000000ffff /* 0x10: 64-bit code, present, accessed */
                .quad 0x00cf93000000ffff /* 0x18: data, flat, writable, present, accessed */
gdt_end:

real_mode:
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        lgdtl   gdt_pointer - start_code_blob

        /* Straight from real mode to 64-bit: paging needs PAE, tables and EFER.LME, then one write of CR0
         * turns on protection and paging together. The page is mapped at its own address. */
        movl    $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    pml4 - start_code_blob, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    %cr0, %eax
        andl    $~(CR0_CD | CR0_NW), %eax
        orl     $(CR0_PG | CR0_PE), %eax
        movl    %eax, %cr0
        ljmpl   *(far_pointer - start_code_blob)

        .code64
long_mode:
        movl    $START_DATA_SELECTOR, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        movq    boot_params(%rip), %rsi
        movl    $START_MARK, reached(%rip)
        jmpq    *entry(%rip)
start_code_blob_end:

        .section .note.GNU-stack, "", @progbits
