/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions and serial ports of machines that do not exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-machine.h"
#include "macros.h"

static void write_function(struct scratch *s, const char *address, const char *class, const char *node)
{
        char path[128];
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/class", address);
        scratch_write(s, path, "%s\n", class);
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vendor", address);
        scratch_write(s, path, "0x8086\n");
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/device", address);
        scratch_write(s, path, "0x10d3\n");
        if (node) {
                snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/numa_node", address);
                scratch_write(s, path, "%s\n", node);
        }
}

static void write_functions(struct scratch *s)
{
        unsigned char config[64] = { 0x86, 0x80, [14] = 0x81 }; /* header type 1, several functions */
        write_function(s, "10000:00:1f.7", "0x010802", "1");
        write_function(s, "0000:00:01.0", "0x060400", "-1");
        write_function(s, "0000:00:02.0", "0x088000", NULL);
        scratch_write(s, "sys/bus/pci/devices/0000:00:03.0/uevent", "%s", "");
        scratch_write(s, "sys/bus/pci/devices/0000:00:02/class", "0x060400");
        fake_file(s, "sys/bus/pci/devices/0000:00:02.0/config", config, sizeof(config));
        scratch_write(s, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/vendor", "0x8086");
        assert_int_equal(symlinkat("../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0"),
                        0);
        assert_int_equal(symlinkat("../../../../kernel/iommu_groups/17", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0/iommu_group"),
                        0);
        assert_int_equal(symlinkat("../../../../bus/pci/drivers/e1000e", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0/driver"),
                        0);
}

static void test_pci(void **state)
{
        (void)state;
        struct scratch s;
        struct mpart_machine *read = NULL;
        scratch_make(&s);
        fake_machine_write(&s, &fake_two_nodes);
        write_functions(&s);
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);

        static const char *const addresses[] = { "0000:00:01.0", "0000:00:02.0", "0000:00:03.0",
                "0000:01:00.0", "10000:00:1f.7" };
        assert_int_equal(m->n_pci, ARRAY_SIZE(addresses));
        for (size_t i = 0; i < m->n_pci; i++)
                assert_string_equal(m->pci[i].address, addresses[i]);
        assert_true(m->pci[0].is_bridge);
        assert_int_equal(m->pci[0].vendor, 0x8086);
        assert_int_equal(m->pci[0].device, 0x10d3);
        assert_int_equal(m->pci[0].node, -1);
        assert_true(m->pci[1].is_bridge); /* by its configuration space */
        assert_int_equal(m->pci[2].vendor, 0);
        assert_false(m->pci[2].is_bridge);
        assert_string_equal(m->pci[3].parent, "0000:00:01.0");
        assert_string_equal(m->pci[3].driver, "e1000e");
        assert_int_equal(m->pci[3].iommu_group, 17);
        assert_int_equal(m->pci[4].iommu_group, -1);
        assert_int_equal(m->pci[4].domain, 0x10000);
        assert_int_equal(m->pci[4].slot, 0x1f);
        assert_int_equal(m->pci[4].function, 7);
        assert_int_equal(m->pci[4].class_code, 0x010802);
        assert_int_equal(m->pci[4].node, 1);
        assert_true(machine_has_note(m, "0000:00:02\""));
}

static void test_uarts(void **state)
{
        (void)state;
        struct scratch s;
        struct mpart_machine *read = NULL;
        static const struct {
                const char *name, *type, *port;
        } ports[] = { { "ttyS0", "4", "0x3F8" }, { "ttyS1", "0", "0x2F8" }, { "ttyS2", "4", "0x3E8" },
                { "ttyS4", "4", "0xE010" }, { "ttyUSB0", "4", "0x2E8" } };
        scratch_make(&s);
        fake_machine_write(&s, &fake_two_nodes);
        for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
                char path[64];
                snprintf(path, sizeof(path), "sys/class/tty/%s/type", ports[i].name);
                scratch_write(&s, path, "%s\n", ports[i].type);
                snprintf(path, sizeof(path), "sys/class/tty/%s/port", ports[i].name);
                scratch_write(&s, path, "%s\n", ports[i].port);
        }
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);
        assert_int_equal(m->n_uarts, 2);
        assert_int_equal(m->uarts[0], 0);
        assert_int_equal(m->uarts[1], 2);
}
int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pci),
                cmocka_unit_test(test_uarts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
