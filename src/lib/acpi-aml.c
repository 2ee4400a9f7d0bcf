/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AML of a secondary's DSDT. ACPI 6.5 section 20.2 (encoding), 6.4.2.5 (I/O port descriptor), 6.1.5 (_HID).
 * What is written, in ASL:
 *
 *     Scope (\_SB) {
 *         Device (COM1) {
 *             Name (_HID, EisaId ("PNP0501"))     // 16550A-compatible COM port
 *             Name (_UID, 1)
 *             Name (_CRS, ResourceTemplate () { IO (Decode16, 0x2F8, 0x2F8, 1, 8) })
 *         }
 *     }
 *
 * No interrupt: the line is wired to an interrupt controller of the primary. Linux then polls the port. */
#include "acpi-writer.h"

static const uint16_t uart_ports[ACPI_UARTS] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 }; /* ttyS0..3 on a PC */
#define UART_PORT_COUNT 8

enum {
        OP_NAME = 0x08,
        OP_BYTE = 0x0a,
        OP_DWORD = 0x0c,
        OP_SCOPE = 0x10,
        OP_BUFFER = 0x11,
        OP_EXTENDED = 0x5b,
        OP_EXTENDED_DEVICE = 0x82,
        TAG_IO = 0x47, /* I/O port descriptor, 7 bytes behind the tag */
        TAG_IO_DECODE16 = 1,
        TAG_END = 0x79, /* end tag and one byte of checksum; 0: not checked */
        IO_AND_END_SIZE = 10,
};
#define PNP0501 0x0105d041U /* EisaId ("PNP0501") */

/* PkgLength in its two-byte form: low 4 bits and a count of one in the first byte, 8 more in the second. It
 * counts itself. */
static uint32_t open_package(struct acpi_writer *w)
{
        uint32_t at = w->used;
        acpi_put(w, 0, 2);
        return at;
}

static void close_package(struct acpi_writer *w, uint32_t at)
{
        uint32_t length = w->used - at;
        if (w->full)
                return;
        w->out[at] = (uint8_t)(0x40 | (length & 0xf));
        w->out[at + 1] = (uint8_t)(length >> 4);
}

static void put_name(struct acpi_writer *w, const char *name)
{
        acpi_put(w, OP_NAME, 1);
        acpi_put_text(w, name);
}

static void put_io_resource(struct acpi_writer *w, uint16_t port)
{
        acpi_put(w, OP_BUFFER, 1);
        uint32_t buffer = open_package(w);
        acpi_put(w, OP_BYTE, 1);
        acpi_put(w, IO_AND_END_SIZE, 1);
        acpi_put(w, TAG_IO, 1);
        acpi_put(w, TAG_IO_DECODE16, 1);
        acpi_put(w, port, 2); /* lowest base */
        acpi_put(w, port, 2); /* highest base */
        acpi_put(w, 1, 1);    /* alignment */
        acpi_put(w, UART_PORT_COUNT, 1);
        acpi_put(w, TAG_END, 1);
        acpi_put(w, 0, 1);
        close_package(w, buffer);
}

static void put_uart(struct acpi_writer *w, unsigned n)
{
        acpi_put(w, OP_EXTENDED, 1);
        acpi_put(w, OP_EXTENDED_DEVICE, 1);
        uint32_t device = open_package(w);
        acpi_put_text(w, "COM");
        acpi_put(w, '0' + n, 1);
        put_name(w, "_HID");
        acpi_put(w, OP_DWORD, 1);
        acpi_put(w, PNP0501, 4);
        put_name(w, "_UID");
        acpi_put(w, OP_BYTE, 1);
        acpi_put(w, n, 1);
        put_name(w, "_CRS");
        put_io_resource(w, uart_ports[n]);
        close_package(w, device);
}

void acpi_put_devices(struct acpi_writer *w, unsigned uarts)
{
        if (!uarts)
                return;
        acpi_put(w, OP_SCOPE, 1);
        uint32_t scope = open_package(w);
        acpi_put_text(w, "\\_SB_");
        for (unsigned n = 0; n < ACPI_UARTS; n++)
                if (uarts & 1U << n)
                        put_uart(w, n);
        close_package(w, scope);
}
