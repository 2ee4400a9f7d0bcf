/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts the boot of one secondary together as segments. */
#include <errno.h>

#include "boot-internal.h"
#include "cmdline-words.h"
#include "macros.h"
#include "start-code.h"
#include "tboot.h"

static_assert(START_MARK == MPART_REACHED, "start-code.S");
static_assert(MPART_COMMAND_LINE_MAX < BOOT_AREA_END - BOOT_AREA_CMDLINE, "the command line fits its page");

#define LOW_LIMIT (640 * KiB) /* behind it are video memory and the BIOS */
#define LOAD_MIN (16 * MiB)   /* boot.rst: lower addresses are for the 16-bit world */
#define ENTRY_OFFSET 0x200    /* of the 64-bit entry in the protected-mode part of a bzImage */

/* What the segments of a boot point to, besides the request's own bytes. */
struct arena {
        uint8_t start[START_CODE_SIZE];
        uint64_t top[BOOT_PAGE_SIZE / sizeof(uint64_t)]; /* PML4 */
        uint8_t area[MPART_BOOT_AREA_SIZE];
};

/* A boot under construction. */
struct builder {
        const struct mpart_boot_request *request;
        const struct mpart_plan_kernel *kernel;
        struct mpart_boot *boot;
        struct arena *arena;
        uint64_t entry;
        size_t capacity;
        bool out_of_memory;
};

static void add_segment(struct builder *b, const char *what, uint64_t address, uint64_t size,
                const void *data, uint64_t data_size)
{
        struct mpart_boot *boot = b->boot;
        if (size == 0)
                return;
        if (grow_array(&boot->segments, &b->capacity, boot->n_segments + 1, sizeof(*boot->segments)) < 0) {
                b->out_of_memory = true;
                return;
        }
        boot->segments[boot->n_segments++] = (struct mpart_segment){
                .address = address,
                .size = size,
                .data = data,
                .data_size = data_size,
                .what = what,
                .low = address < LOW_LIMIT,
        };
}

static int check_cpus(const struct mpart_boot_request *request, struct mpart_error *e)
{
        if (request->n_cpus == 0)
                return mpart_error_set(e, -EINVAL, "kernel %u has no CPU to start", request->kernel);
        for (size_t i = 0; i < request->n_cpus; i++) {
                if (request->cpus[i].apic_id == MPART_APIC_ID_UNKNOWN)
                        return mpart_error_set(e, -EINVAL,
                                        "the APIC id of CPU %zu of kernel %u is not known; it can be read "
                                        "while the CPU is online",
                                        i, request->kernel);
                for (size_t j = 0; j < i; j++)
                        if (request->cpus[i].apic_id == request->cpus[j].apic_id)
                                return mpart_error_set(e, -EINVAL, "kernel %u has two CPUs with APIC id %u",
                                                request->kernel, request->cpus[i].apic_id);
        }
        return 0;
}

/* A SIPI vector names a page below 1 MiB. */
static int check_window(const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        struct mpart_range low = k->low_memory;
        if (low.size < MPART_LOW_WINDOW_SIZE || low.start > LOW_LIMIT || low.size > LOW_LIMIT - low.start ||
                        low.start == 0 || low.start % BOOT_PAGE_SIZE || low.size % BOOT_PAGE_SIZE)
                return mpart_error_set(e, -EINVAL,
                                "kernel %u has a low window of %llu bytes at %#llx; %llu KiB of whole pages "
                                "below 640 KiB and not at 0 are needed",
                                k->id, (unsigned long long)low.size, (unsigned long long)low.start,
                                (unsigned long long)(MPART_LOW_WINDOW_SIZE / KiB));
        return 0;
}

static int check_request(const struct mpart_boot_request *request, const struct mpart_plan_kernel *k,
                struct mpart_error *e)
{
        if (!k || k->id == 0)
                return mpart_error_set(e, -EINVAL, "the plan has no secondary kernel %u", request->kernel);
        if (!request->image || !request->cmdline)
                return mpart_error_set(
                                e, -EINVAL, "kernel %u: image or command line is missing", request->kernel);
        if (k->n_pci > 0)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "kernel %u owns PCI functions (%s), which cannot be given to a kernel yet; "
                                "take them out of the plan",
                                k->id, k->pci[0]);
        size_t length = strlen(request->cmdline);
        if (length > MPART_COMMAND_LINE_MAX)
                return mpart_error_set(e, -E2BIG,
                                "the command line of kernel %u has %zu characters; %d are possible", k->id,
                                length, MPART_COMMAND_LINE_MAX);
        int r = check_cpus(request, e);
        return r < 0 ? r : check_window(k, e);
}

/* The layout with the load address aligned as the image wants it, which may be more than 2 MiB. */
static int make_layout(const struct builder *b, struct mpart_layout *ret, struct mpart_error *e)
{
        const struct mpart_boot_request *q = b->request;
        const struct mpart_plan_kernel *k = b->kernel;
        uint64_t alignment = MAX(q->image->alignment, MPART_ALIGNMENT), slack = alignment - MPART_ALIGNMENT;
        struct mpart_layout l;
        int r = mpart_layout_make(k->memory, k->n_memory, q->image->init_size + slack, q->ramdisk_size,
                        k->shared.size, &l, e);
        if (r < 0)
                return mpart_error_prefix(e, r, "kernel %u", k->id);

        if (l.shared.start != k->shared.start || l.shared.size != k->shared.size)
                return mpart_error_set(e, -EINVAL,
                                "kernel %u has its shared region at %#llx; it belongs to the end of its "
                                "largest memory range, at %#llx",
                                k->id, (unsigned long long)k->shared.start,
                                (unsigned long long)l.shared.start);
        l.load = ALIGN_UP(l.load, alignment);
        l.image_size = q->image->init_size;
        if (l.load < LOAD_MIN)
                return mpart_error_set(e, -EINVAL, "kernel %u would be loaded at %#llx, below 16 MiB", k->id,
                                (unsigned long long)l.load);
        *ret = l;
        return 0;
}

static int add_bzimage(struct builder *b, struct mpart_error *e)
{
        const struct mpart_image *image = b->request->image;
        const struct mpart_layout *l = &b->boot->layout;
        struct setup_header h;
        size_t setup;
        int r = bzimage_header(image, &h, &setup, e);
        if (r < 0)
                return r;
        /* The rest of init_size is the decompressor's to clear. */
        add_segment(b, "image", l->load, image->size - setup, image->data + setup, image->size - setup);
        b->entry = l->load + ENTRY_OFFSET;
        return 0;
}

static int add_vmlinux(struct builder *b, struct mpart_error *e)
{
        const struct mpart_image *image = b->request->image;
        const struct mpart_layout *l = &b->boot->layout;
        struct vmlinux v;
        int r = vmlinux_read(image->data, image->size, "kernel image", &v, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < v.n_loads; i++)
                add_segment(b, "image", l->load + v.load[i].address, v.load[i].size,
                                image->data + v.load[i].offset, v.load[i].file_size);
        b->entry = l->load + v.entry;
        return 0;
}

static bool refuses_tboot(const char *cmdline)
{
        struct word w;
        while (word_next(&cmdline, &w))
                if (word_is(&w, MPART_TBOOT_PARAMETER "off"))
                        return true;
        return false;
}

/* How the kernel ends. Without a word from us it has no tboot: the page is empty but for the reset register.
 */
static void put_end(const struct builder *b, struct boot_params *params)
{
        if (refuses_tboot(b->request->cmdline))
                return;
        uint32_t page = (uint32_t)b->kernel->low_memory.start;
        tboot_fill(b->arena->area + BOOT_AREA_END, page, START_CODE_SIZE, page + START_PARK,
                        (uint32_t)b->request->n_cpus - 1);
        params->tboot_addr = b->boot->layout.boot_area.start + BOOT_AREA_END;
}

/* boot_params, command line, the page of the end and ACPI tables. */
static int add_boot_area(struct builder *b, struct mpart_error *e)
{
        const struct mpart_layout *l = &b->boot->layout;
        uint64_t start = l->boot_area.start;
        uint8_t *area = b->arena->area;
        struct mpart_acpi_tables tables;

        b->boot->reset_address = start + BOOT_AREA_RESET;
        int r = boot_params_fill(b->request, l, (struct boot_params *)(area + BOOT_AREA_PARAMS), e);
        if (r < 0)
                return r;
        r = mpart_acpi_build(b->request, start + BOOT_AREA_ACPI, b->boot->reset_address,
                        area + BOOT_AREA_ACPI, BOOT_AREA_ACPI_SIZE, &tables, e);
        if (r < 0)
                return r;
        put_end(b, (struct boot_params *)(area + BOOT_AREA_PARAMS));
        memcpy(area + BOOT_AREA_CMDLINE, b->request->cmdline, strlen(b->request->cmdline));

        add_segment(b, "boot_params", start + BOOT_AREA_PARAMS, BOOT_PAGE_SIZE, area + BOOT_AREA_PARAMS,
                        sizeof(struct boot_params));
        add_segment(b, "command line", start + BOOT_AREA_CMDLINE, BOOT_PAGE_SIZE, area + BOOT_AREA_CMDLINE,
                        BOOT_PAGE_SIZE);
        add_segment(b, "tboot, reset register", start + BOOT_AREA_END, BOOT_PAGE_SIZE, area + BOOT_AREA_END,
                        BOOT_PAGE_SIZE);
        add_segment(b, "ACPI", start + BOOT_AREA_ACPI, ALIGN_UP(tables.total, BOOT_PAGE_SIZE),
                        area + BOOT_AREA_ACPI, tables.total);
        return 0;
}

/* Start code and PML4 in the low window: CR3 is loaded in real mode, so it takes 32 bits. The other tables
 * go to the boot area. */
static int add_start(struct builder *b, struct mpart_error *e)
{
        struct mpart_boot *boot = b->boot;
        uint64_t page = b->kernel->low_memory.start, area = boot->layout.boot_area.start;
        uint8_t *tables = b->arena->area + BOOT_AREA_PAGE_TABLES;
        size_t used;
        int r = page_tables_build(b->arena->top, tables, BOOT_AREA_PAGE_TABLES_SIZE,
                        area + BOOT_AREA_PAGE_TABLES, &boot->layout, &used, e);
        if (r < 0)
                return r;

        struct start_code *code = (struct start_code *)b->arena->start;
        memcpy(code, start_code_blob, (size_t)(start_code_blob_end - start_code_blob));
        code->pml4 = (uint32_t)(page + START_CODE_SIZE);
        code->entry = b->entry;
        code->boot_params = area + BOOT_AREA_PARAMS;
        code->gdt_base += (uint32_t)page;
        code->far_offset += (uint32_t)page;
        boot->start_address = page;
        boot->reached_address = page + START_REACHED;

        add_segment(b, "start code", page, START_CODE_SIZE, code, START_CODE_SIZE);
        add_segment(b, "page tables", page + START_CODE_SIZE, BOOT_PAGE_SIZE, b->arena->top, BOOT_PAGE_SIZE);
        add_segment(b, "page tables", area + BOOT_AREA_PAGE_TABLES, used, tables, used);
        return 0;
}

static int compare_segments(const void *a, const void *b)
{
        const struct mpart_segment *x = a, *y = b;
        return (x->address > y->address) - (x->address < y->address);
}

/* Whether all of a segment is the kernel's: our half of its low window, or its memory but for the shared
 * region, which outlives a boot. */
static bool is_inside(const struct mpart_segment *s, const struct mpart_plan_kernel *k)
{
        struct mpart_range window = { k->low_memory.start, MPART_LOW_START_SIZE };
        if (s->low)
                return s->address >= window.start && s->size <= window.size &&
                       s->address - window.start <= window.size - s->size;
        if (s->address < mpart_range_end(k->shared) && k->shared.start < s->address + s->size)
                return false;
        for (size_t i = 0; i < k->n_memory; i++)
                if (s->address >= k->memory[i].start && s->size <= k->memory[i].size &&
                                s->address - k->memory[i].start <= k->memory[i].size - s->size)
                        return true;
        return false;
}

/* Whatever went before, no byte is ever written outside the partition. */
static int check_segments(const struct builder *b, struct mpart_error *e)
{
        const struct mpart_boot *boot = b->boot;
        for (size_t i = 0; i < boot->n_segments; i++) {
                const struct mpart_segment *s = &boot->segments[i];
                if (s->address > UINT64_MAX - s->size || s->data_size > s->size || !is_inside(s, b->kernel))
                        return mpart_error_set(e, -EINVAL,
                                        "kernel %u: segment %s (%#llx, %llu bytes) is not inside its memory",
                                        b->kernel->id, s->what, (unsigned long long)s->address,
                                        (unsigned long long)s->size);
                if (i > 0 && s->address < s[-1].address + s[-1].size)
                        return mpart_error_set(e, -EINVAL, "kernel %u: segments %s and %s overlap at %#llx",
                                        b->kernel->id, s[-1].what, s->what, (unsigned long long)s->address);
        }
        return 0;
}

static int build(struct builder *b, struct mpart_error *e)
{
        const struct mpart_boot_request *q = b->request;
        int r = check_request(q, b->kernel, e);
        if (r < 0)
                return r;
        r = make_layout(b, &b->boot->layout, e);
        if (r < 0)
                return r;
        r = q->image->kind == MPART_IMAGE_BZIMAGE ? add_bzimage(b, e) : add_vmlinux(b, e);
        if (r < 0)
                return r;
        add_segment(b, "ramdisk", b->boot->layout.ramdisk, ALIGN_UP(q->ramdisk_size, BOOT_PAGE_SIZE),
                        q->ramdisk, q->ramdisk_size);
        r = add_boot_area(b, e);
        if (r < 0)
                return r;
        r = add_start(b, e);
        if (r < 0)
                return r;
        if (b->out_of_memory)
                return mpart_error_set(e, -ENOMEM, "boot of kernel %u: out of memory", q->kernel);
        qsort(b->boot->segments, b->boot->n_segments, sizeof(*b->boot->segments), compare_segments);
        return check_segments(b, e);
}

static struct mpart_boot *new_boot(void)
{
        struct mpart_boot *boot = calloc(1, sizeof(*boot));
        if (!boot)
                return NULL;
        boot->arena = calloc(1, sizeof(struct arena));
        if (!boot->arena) {
                free(boot);
                return NULL;
        }
        return boot;
}

int mpart_boot_build(
                const struct mpart_boot_request *request, struct mpart_boot **ret, struct mpart_error *e)
{
        struct mpart_boot *boot = new_boot();
        if (!boot)
                return mpart_error_set(e, -ENOMEM, "boot of kernel %u: out of memory", request->kernel);

        struct builder b = {
                .request = request,
                .kernel = mpart_plan_kernel(request->plan, request->kernel),
                .boot = boot,
                .arena = boot->arena,
        };
        int r = build(&b, e);
        if (r < 0) {
                mpart_boot_free(boot);
                return r;
        }
        *ret = boot;
        return 0;
}

void mpart_boot_free(struct mpart_boot *boot)
{
        if (!boot)
                return;
        free(boot->segments);
        free(boot->arena);
        free(boot);
}
