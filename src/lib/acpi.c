/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables of one secondary: they tell its stock kernel which CPUs and nodes there are and that
 * there is no legacy hardware, so that it needs no patch and leaves alone what is the primary's. Section
 * numbers are those of ACPI 6.5. */
#include <errno.h>

#include "acpi-writer.h"
#include "cmdline.h"
#include "macros.h"

/* The tables in their order in mpart_acpi_tables; SRAT and SLIT may follow. */
enum {
        TABLE_RSDP,
        TABLE_XSDT,
        TABLE_FADT,
        TABLE_DSDT,
        TABLE_MADT,
};

/* Fields of the RSDP, 5.2.5.3. */
enum {
        RSDP_CHECKSUM = 8,
        RSDP_V1_SIZE = 20, /* what the first checksum covers */
        RSDP_XSDT = 24,
        RSDP_EXTENDED_CHECKSUM = 32,
        RSDP_SIZE = 36,
};

/* Fields of the FADT, 5.2.9. */
enum {
        FADT_PM_TIMER = 76,
        FADT_PM_TIMER_SIZE = 91,
        FADT_BOOT_FLAGS = 109, /* IAPC_BOOT_ARCH: no legacy devices, no 8042 */
        FADT_BOOT_NO_VGA = 1 << 2,
        FADT_BOOT_NO_CMOS_RTC = 1 << 5,
        FADT_FLAGS = 112,
        FADT_FLAG_WBINVD = 1 << 0,
        FADT_FLAG_RESET_REG = 1 << 10,
        FADT_FLAG_APIC_PHYSICAL = 1 << 19, /* logical APIC ids are the primary's to give */
        FADT_FLAG_HW_REDUCED = 1 << 20,    /* no PIC, PIT, SCI */
        FADT_RESET_REG = 116,
        FADT_RESET_VALUE = 128,
        FADT_MINOR_REVISION = 131,
        FADT_X_DSDT = 140,
        FADT_X_PM_TIMER = 208,
        FADT_SIZE = 276,
};

/* Generic address structure, 5.2.3.2. */
enum {
        GAS_SPACE = 0,
        GAS_SYSTEM_MEMORY = 0,
        GAS_SYSTEM_IO = 1,
        GAS_BIT_WIDTH = 1,
        GAS_ACCESS_SIZE = 3,
        GAS_BYTE = 1,
        GAS_DWORD = 3,
        GAS_ADDRESS = 4,
        GAS_SIZE = 12,
};

static void put_rsdp(struct acpi_writer *w)
{
        acpi_open(w, "RSDP");
        acpi_put_text(w, "RSD PTR ");
        acpi_put(w, 0, 1); /* checksum */
        acpi_put_text(w, ACPI_OEM_ID);
        acpi_put(w, 2, 1); /* revision */
        acpi_put(w, 0, 4); /* no RSDT */
        acpi_put(w, RSDP_SIZE, 4);
        acpi_put(w, 0, 8); /* XSDT */
        acpi_put(w, 0, 4); /* extended checksum, reserved */
        acpi_close(w);
}

/* Entries for all tables but the RSDP, the XSDT itself and the DSDT, which the FADT names. */
static void put_xsdt(struct acpi_writer *w, size_t n_entries)
{
        acpi_open_sdt(w, "XSDT", 1);
        acpi_reserve(w, n_entries * 8);
        acpi_close_sdt(w);
}

static void put_gas(uint8_t *p, uint8_t space, uint8_t bits, uint8_t access, uint64_t address)
{
        p[GAS_SPACE] = space;
        p[GAS_BIT_WIDTH] = bits;
        p[GAS_ACCESS_SIZE] = access;
        acpi_store(p + GAS_ADDRESS, address, 8);
}

/* The primary's timer, which is only ever read. Hardware-reduced machines have none by the letter; Linux
 * uses one that is named all the same (arch/x86/kernel/acpi/boot.c: acpi_parse_fadt), and checks by it how
 * fast the local APIC's timer counts. */
static void put_pm_timer(uint8_t *t, uint16_t port)
{
        if (port == 0)
                return;
        acpi_store(t + FADT_PM_TIMER, port, 4);
        t[FADT_PM_TIMER_SIZE] = 4;
        put_gas(t + FADT_X_PM_TIMER, GAS_SYSTEM_IO, 32, GAS_DWORD, port);
}

static void put_fadt(struct acpi_writer *w, uint64_t reset_address, uint16_t pm_timer)
{
        uint32_t flags = FADT_FLAG_WBINVD | FADT_FLAG_RESET_REG | FADT_FLAG_APIC_PHYSICAL |
                         FADT_FLAG_HW_REDUCED;

        acpi_open_sdt(w, "FACP", 6);
        uint8_t *rest = acpi_reserve(w, FADT_SIZE - ACPI_HEADER_SIZE);
        if (rest) {
                uint8_t *t = rest - ACPI_HEADER_SIZE;
                acpi_store(t + FADT_BOOT_FLAGS, FADT_BOOT_NO_VGA | FADT_BOOT_NO_CMOS_RTC, 2);
                acpi_store(t + FADT_FLAGS, flags, 4);
                put_gas(t + FADT_RESET_REG, GAS_SYSTEM_MEMORY, 8, GAS_BYTE, reset_address);
                t[FADT_RESET_VALUE] = MPART_RESET_VALUE;
                t[FADT_MINOR_REVISION] = 5;
                put_pm_timer(t, pm_timer);
        }
        acpi_close_sdt(w);
}

/* Bit N for each console=ttySN, N below ACPI_UARTS. */
static int find_uarts(const char *cmdline, unsigned *ret, struct mpart_error *e)
{
        _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
        int r = mpart_cmdline_parse(cmdline, &c, e);
        if (r < 0)
                return r;
        *ret = 0;
        for (unsigned n = 0; n < ACPI_UARTS; n++)
                if (mpart_cpuset_has(&c.consoles, n))
                        *ret |= 1U << n;
        return 0;
}

static void put_dsdt(struct acpi_writer *w, unsigned uarts)
{
        acpi_open_sdt(w, "DSDT", 2); /* 2: integers of 64 bits */
        acpi_put_devices(w, uarts);
        acpi_close_sdt(w);
}

/* Fills in the pointers from table to table, then every checksum. */
static void connect(struct acpi_writer *w, uint64_t address)
{
        const struct mpart_acpi_tables *t = w->tables;
        uint8_t *rsdp = w->out + t->table[TABLE_RSDP].offset;
        uint8_t *entry = w->out + t->table[TABLE_XSDT].offset + ACPI_HEADER_SIZE;

        acpi_store(rsdp + RSDP_XSDT, address + t->table[TABLE_XSDT].offset, 8);
        acpi_store(w->out + t->table[TABLE_FADT].offset + FADT_X_DSDT, address + t->table[TABLE_DSDT].offset,
                        8);
        for (size_t i = TABLE_FADT; i < t->n; i++) {
                if (i == TABLE_DSDT)
                        continue;
                acpi_store(entry, address + t->table[i].offset, 8);
                entry += 8;
        }

        for (size_t i = TABLE_XSDT; i < t->n; i++)
                acpi_set_checksum(w->out + t->table[i].offset, t->table[i].size, ACPI_HEADER_CHECKSUM);
        acpi_set_checksum(rsdp, RSDP_V1_SIZE, RSDP_CHECKSUM);
        acpi_set_checksum(rsdp, RSDP_SIZE, RSDP_EXTENDED_CHECKSUM);
}

int mpart_acpi_build(const struct mpart_boot_request *request, uint64_t address, uint64_t reset_address,
                uint8_t *out, uint32_t out_size, struct mpart_acpi_tables *ret, struct mpart_error *e)
{
        struct mpart_acpi_tables tables = { 0 };
        struct acpi_writer w = { .out = out, .size = out_size, .tables = &tables };
        unsigned uarts;
        int r = find_uarts(request->cmdline, &uarts, e);
        if (r < 0)
                return r;

        bool nodes = acpi_spans_nodes(request);
        put_rsdp(&w);
        put_xsdt(&w, nodes ? 4 : 2);
        put_fadt(&w, reset_address, request->pm_timer);
        put_dsdt(&w, uarts);
        acpi_put_madt(&w, request);
        if (nodes)
                acpi_put_nodes(&w, request);
        if (w.full)
                return mpart_error_set(e, -ENOSPC,
                                "the ACPI tables of kernel %u (%zu CPUs) take more than %u bytes",
                                request->kernel, request->n_cpus, out_size);

        tables.total = w.used;
        connect(&w, address);
        *ret = tables;
        return 0;
}

/* The newer field counts where it is filled in. */
uint16_t mpart_acpi_pm_timer(const void *fadt, size_t size)
{
        const uint8_t *t = fadt, *timer = t + FADT_X_PM_TIMER;
        if (size < ACPI_HEADER_SIZE || memcmp(t, "FACP", 4) != 0)
                return 0;
        size = MIN(size, (size_t)acpi_load(t + 4, 4));
        if (size >= FADT_FLAGS + 4 && (acpi_load(t + FADT_FLAGS, 4) & FADT_FLAG_HW_REDUCED))
                return 0;

        uint64_t port = size >= FADT_PM_TIMER + 4 ? acpi_load(t + FADT_PM_TIMER, 4) : 0;
        if (size >= FADT_X_PM_TIMER + GAS_SIZE && acpi_load(timer + GAS_ADDRESS, 8) != 0)
                port = timer[GAS_SPACE] == GAS_SYSTEM_IO ? acpi_load(timer + GAS_ADDRESS, 8) : 0;
        return port <= UINT16_MAX ? (uint16_t)port : 0;
}
