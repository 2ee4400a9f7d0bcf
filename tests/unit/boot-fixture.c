/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot-fixture.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "macros.h"

uint8_t *fixture_bzimage(size_t *ret_size)
{
        uint8_t *p = calloc(1, FIXTURE_SETUP + FIXTURE_CODE);
        assert_non_null(p);
        const struct setup_header h = {
                .setup_sects = 4,
                .syssize = FIXTURE_CODE / 16,
                .boot_flag = 0xaa55,
                .jump = 0x6aeb, /* jmp to 0x26c: all fields to kernel_info_offset */
                .header = 0x53726448,
                .version = 0x020f,
                .kernel_version = 0x400,
                .loadflags = LOADED_HIGH,
                .initrd_addr_max = 0x7fffffff,
                .kernel_alignment = 0x200000,
                .relocatable_kernel = 1,
                .xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
                .cmdline_size = 2047,
                .pref_address = 0x1000000,
                .init_size = FIXTURE_INIT_SIZE,
        };
        memset(p, 0xc3, 0x1f1); /* what a loader must not take over */
        memcpy(p + FIXTURE_HEADER, &h, sizeof(h));
        strcpy((char *)p + 0x600, FIXTURE_RELEASE " (builder@host) #1 SMP");
        for (size_t i = 0; i < FIXTURE_CODE; i++)
                p[FIXTURE_SETUP + i] = (uint8_t)(i * 7 + 1);
        *ret_size = FIXTURE_SETUP + FIXTURE_CODE;
        return p;
}

uint8_t *fixture_vmlinux(size_t *ret_size)
{
        const Elf64_Phdr load[2] = {
                { .p_type = PT_LOAD,
                                .p_offset = 0x1000,
                                .p_vaddr = 0xffffffff81000000,
                                .p_paddr = 0x1000000,
                                .p_filesz = 4096,
                                .p_memsz = 4096 },
                { .p_type = PT_LOAD,
                                .p_offset = 0x2000,
                                .p_vaddr = 0xffffffff81200000,
                                .p_paddr = 0x1200000,
                                .p_filesz = 16,
                                .p_memsz = 0x2000 },
        };
        const Elf64_Ehdr h = {
                .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_entry = 0x1000040,
                .e_phoff = sizeof(h),
                .e_ehsize = sizeof(h),
                .e_phentsize = sizeof(load[0]),
                .e_phnum = ARRAY_SIZE(load),
        };
        size_t size = 0x2010;
        uint8_t *p = malloc(size);
        assert_non_null(p);
        memset(p, 0x90, size);
        memcpy(p, &h, sizeof(h));
        memcpy(p + sizeof(h), load, sizeof(load));
        *ret_size = size;
        return p;
}

void fixture_init(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        static const unsigned ids[3] = { 0, 1, 3 },
                              distance[3][3] = { { 10, 11, 21 }, { 11, 10, 31 }, { 21, 31, 10 } };
        memcpy(f->distance, distance, sizeof(distance));
        for (size_t i = 0; i < 3; i++)
                f->nodes[i] = (struct mpart_plan_node){ .id = ids[i], .distance = f->distance[i] };
        f->memory[0] = (struct mpart_plan_memory){ 4 * GiB, 256 * MiB, 1 };
        f->memory[1] = (struct mpart_plan_memory){ 8 * GiB, GiB, 3 };
        f->kernels[1] = (struct mpart_plan_kernel){
                .id = 1,
                .memory = f->memory,
                .n_memory = 2,
                .low_memory = { 0x10000, MPART_LOW_WINDOW_SIZE },
                .shared = { 9 * GiB - MPART_SHARED_SIZE, MPART_SHARED_SIZE },
        };
        f->plan = (struct mpart_plan){
                .nodes = f->nodes, .n_nodes = 3, .kernels = f->kernels, .n_kernels = 2
        };
        f->cpus[0] = (struct mpart_boot_cpu){ 6, 1 };
        f->cpus[1] = (struct mpart_boot_cpu){ 2, 1 };
        f->cpus[2] = (struct mpart_boot_cpu){ 300, 3 };

        size_t size;
        f->bytes = fixture_bzimage(&size);
        assert_int_equal(mpart_image_probe(f->bytes, size, "vmlinuz", &f->image, NULL), 0);
        memset(f->ramdisk, 0x5d, sizeof(f->ramdisk));
        f->request = (struct mpart_boot_request){
                .plan = &f->plan,
                .kernel = 1,
                .cpus = f->cpus,
                .n_cpus = 3,
                .image = &f->image,
                .ramdisk = f->ramdisk,
                .ramdisk_size = sizeof(f->ramdisk),
                .cmdline = "console=ttyS1,115200 pci=off",
        };
}

void fixture_done(struct fixture *f)
{
        free(f->bytes);
}
