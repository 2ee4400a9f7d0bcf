/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes ACPI tables one behind the other into a buffer. Where the buffer is full, nothing more is written
 * and `full` says so: callers check once, at the end. Internal. */
#pragma once

#include "boot.h"

struct acpi_writer {
        uint8_t *out;
        uint32_t size, used;
        bool full;
        struct mpart_acpi_tables *tables; /* entered by open, completed by close */
};

/* `n` zero bytes, or NULL where they do not fit. */
uint8_t *acpi_reserve(struct acpi_writer *w, size_t n);
/* Little endian. */
void acpi_put(struct acpi_writer *w, uint64_t value, size_t n);
void acpi_put_text(struct acpi_writer *w, const char *text);

/* Starts a table: aligned, entered into the list. acpi_open_sdt also writes the 36 bytes that all tables but
 * the RSDP start with (ACPI 6.5, 5.2.6). */
void acpi_open(struct acpi_writer *w, const char *signature);
void acpi_open_sdt(struct acpi_writer *w, const char *signature, uint8_t revision);
void acpi_close(struct acpi_writer *w);
void acpi_close_sdt(struct acpi_writer *w); /* fills in the length; the checksum comes last */

#define ACPI_HEADER_SIZE 36
#define ACPI_OEM_ID "MPART "                            /* six characters */
void acpi_store(uint8_t *at, uint64_t value, size_t n); /* little endian */
uint64_t acpi_load(const uint8_t *at, size_t n);        /* the same way back; n: at most 8 */
/* Makes the `n` bytes at `p` sum to zero through the byte at `at`. */
void acpi_set_checksum(uint8_t *p, size_t n, size_t at);
#define ACPI_HEADER_CHECKSUM 9

/* AML of the DSDT's devices (acpi-aml.c): a serial port for each bit N of `uarts`, ttySN. */
#define ACPI_UARTS 4
void acpi_put_devices(struct acpi_writer *w, unsigned uarts);

/* acpi-topology.c */
void acpi_put_madt(struct acpi_writer *w, const struct mpart_boot_request *request);
/* Whether the kernel's CPUs and memory are on more than one node: then it needs SRAT and SLIT. */
bool acpi_spans_nodes(const struct mpart_boot_request *request);
void acpi_put_nodes(struct acpi_writer *w, const struct mpart_boot_request *request);
