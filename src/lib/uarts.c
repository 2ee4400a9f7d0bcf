/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial ports with a legacy address. */
#include <ctype.h>
#include <errno.h>

#include "fs.h"
#include "reader.h"

#define DIRECTORY "sys/class/tty"

/* ttyS0 to ttyS3 of a PC (SERIAL_PORT_DFNS in arch/x86/include/asm/serial.h). */
static bool is_legacy_port(uint64_t port)
{
        return port == 0x3f8 || port == 0x2f8 || port == 0x3e8 || port == 0x2e8;
}

static int add_uart(struct mpart_machine *m, unsigned number)
{
        unsigned *uarts = reallocarray(m->uarts, m->n_uarts + 1, sizeof(*uarts));
        if (!uarts)
                return -ENOMEM;
        m->uarts = uarts;
        uarts[m->n_uarts++] = number;
        return 0;
}

static bool has_legacy_uart(int root, const char *name)
{
        char path[sizeof(DIRECTORY) + 300];
        int64_t type, port;
        snprintf(path, sizeof(path), DIRECTORY "/%s/type", name);
        if (read_number_at(root, path, 0, &type) < 0 || type <= 0) /* 0: PORT_UNKNOWN, nothing there */
                return false;
        snprintf(path, sizeof(path), DIRECTORY "/%s/port", name);
        return read_number_at(root, path, 0, &port) == 0 && port > 0 && is_legacy_port((uint64_t)port);
}

/* "0: uart:16550A port:000003F8 irq:4 tx:..." */
static int read_proc(int root, struct mpart_machine *m)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(root, "proc/tty/driver/serial", 0, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                char *port = strstr(line, " port:");
                if (!isdigit((unsigned char)*line) || !port || strstr(line, "uart:unknown"))
                        continue;
                unsigned long number = strtoul(line, NULL, 10);
                if (number >= MPART_CPU_LIMIT ||
                                !is_legacy_port(strtoull(port + strlen(" port:"), NULL, 16)))
                        continue;
                r = add_uart(m, (unsigned)number);
                if (r < 0)
                        return r;
        }
        return 0;
}

int uarts_read(int root, struct mpart_machine *m)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : read_proc(root, m);
        for (size_t i = 0; i < n && r == 0; i++) {
                uint64_t number;
                if (name_number(names[i], "ttyS", MPART_CPU_LIMIT, &number) &&
                                has_legacy_uart(root, names[i]))
                        r = add_uart(m, (unsigned)number);
        }
        free_names(names, n);
        return r;
}
