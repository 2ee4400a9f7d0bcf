/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find-vmcoreinfo FILE OFFSET SIZE KEY...: finds the VMCOREINFO note in a piece of a memory image and prints
 * its offset in the file, then the value of each key. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "boot.h"
#include "macros.h"

int main(int argc, char **argv)
{
        if (argc < 4) {
                fprintf(stderr, "find-vmcoreinfo FILE OFFSET SIZE KEY...\n");
                return 2;
        }
        uint64_t offset = strtoull(argv[2], NULL, 0), size = strtoull(argv[3], NULL, 0);
        _cleanup_close_ int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                perror(argv[1]);
                return 1;
        }
        const uint8_t *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
        if (memory == MAP_FAILED) {
                perror("mmap");
                return 1;
        }
        int64_t note = mpart_vmcoreinfo_find(memory, size);
        if (note < 0) {
                fprintf(stderr, "no note\n");
                return 1;
        }
        printf("0x%" PRIx64 "\n", offset + (uint64_t)note);
        for (int i = 4; i < argc; i++) {
                _cleanup_free_ char *value =
                                mpart_vmcoreinfo_get(memory + note, size - (uint64_t)note, argv[i]);
                printf("%s\n", value ? value : "-");
        }
        return 0;
}
