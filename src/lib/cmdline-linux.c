/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"

/* The memmap= words of the primary, ascending, so that the low window comes first. "" without secondaries.
 */
static int format_terms(const struct mpart_plan *plan, char **ret)
{
        _cleanup_ranges_ struct mpart_ranges withheld = { 0 };
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        int r = plan_withheld(plan, &withheld);
        if (r < 0)
                return r;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < withheld.n; i++) {
                char amount[MEMORY_SIZE_MAX];
                format_memory_size(withheld.items[i].size, amount);
                fprintf(f, "%s" MEMMAP_PREFIX "%s$0x%" PRIx64, i > 0 ? " " : "", amount,
                                withheld.items[i].start);
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

/* In x2APIC mode the CPUs are woken through MSRs; else through the page of the local APIC, a busy resource
 * that only iomem=relaxed opens (CONFIG_IO_STRICT_DEVMEM). */
static int render_primary(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret)
{
        _cleanup_free_ char *terms = NULL;
        char marker[MARKER_DIGITS + 1];
        bool relaxed = !m || m->apic_mode != MPART_APIC_MODE_X2APIC;

        int r = format_terms(plan, &terms);
        if (r < 0)
                return r;
        if (!terms[0]) {
                *ret = TAKE_PTR(terms);
                return 0;
        }
        mpart_marker_make(terms, strlen(terms), marker);
        char *line;
        if (asprintf(&line, MARKER_PREFIX "%s %s%s", marker, terms, relaxed ? " iomem=relaxed" : "") < 0)
                return -ENOMEM;
        *ret = line;
        return 0;
}

/* The UART of kernel `id`, -1: none. Those the primary has no console on go to the kernels in order; no two
 * kernels get the same. */
static int uart_of_kernel(const struct mpart_machine *m, unsigned id)
{
        unsigned next = 1;
        for (size_t i = 0; m && i < m->n_uarts; i++)
                if (!mpart_cpuset_has(&m->consoles, m->uarts[i]) && next++ == id)
                        return (int)m->uarts[i];
        return -1;
}

/* reserve= (Documentation/admin-guide/kernel-parameters.txt, at most four regions): the 8250 driver probes
 * every legacy port, and a port whose user is another kernel stops working for it. */
static void format_reserved_ports(int own_uart, char ret[64])
{
        static const unsigned ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 }; /* ttyS0 to ttyS3 */
        size_t at = (size_t)snprintf(ret, 64, "reserve=");
        const char *comma = "";
        for (int i = 0; i < (int)ARRAY_SIZE(ports); i++) {
                if (i == own_uart)
                        continue;
                at += (size_t)snprintf(ret + at, 64 - at, "%s0x%x,8", comma, ports[i]);
                comma = ",";
        }
}

static int render_secondary(const struct mpart_plan_kernel *k, const struct mpart_machine *m, char **ret)
{
        char console[40] = "", ports[64];
        int uart = uart_of_kernel(m, k->id);
        if (uart >= 0)
                snprintf(console, sizeof(console), " console=ttyS%d,115200", uart);
        format_reserved_ports(uart, ports);

        /* no_ipi_broadcast: "all but self" would reach the other kernels' CPUs. panic, reboot: a reboot must
         * not reset the machine. pci: without functions of its own nothing may be scanned; with them only
         * the buses that the ACPI tables name. */
        char *line;
        if (asprintf(&line, "no_ipi_broadcast=1 panic=0 reboot=acpi %s %s%s%s%s",
                            k->n_pci > 0 ? "pci=lastbus=0,noearly" : "pci=off", ports, console,
                            k->extra ? " " : "", k->extra ? k->extra : "") < 0)
                return -ENOMEM;
        *ret = line;
        return 0;
}

int mpart_cmdline_linux(const struct mpart_plan *plan, unsigned id, const struct mpart_machine *m,
                char **ret, struct mpart_error *e)
{
        _cleanup_free_ char *line = NULL;
        const struct mpart_plan_kernel *k = mpart_plan_kernel(plan, id);
        if (!k)
                return mpart_error_set(e, -EINVAL, "the plan has no kernel %u", id);

        int r = id == 0 ? render_primary(plan, m, &line) : render_secondary(k, m, &line);
        if (r < 0)
                return mpart_error_set(
                                e, r, "cannot write the command line of kernel %u: %s", id, strerror(-r));
        r = check_line_length(strlen(line), k->name, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(line);
        return 0;
}
