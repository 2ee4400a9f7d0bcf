// SPDX-License-Identifier: GPL-2.0-or-later
/* insmod fault.ko kind=KIND: breaks the kernel that loads it, as a bug in a driver would. Of kernels under
 * test alone. */
#include <linux/module.h>
#include <linux/smp.h>

static char *kind = "";
module_param(kind, charp, 0);

/* Writes `size` bytes into fewer: over the canary and the return address behind them. */
static noinline void smash_stack(size_t size)
{
        volatile char buffer[32];
        for (size_t i = 0; i < size; i++)
                buffer[i] = (char)i;
}

/* Called with interrupts off. */
static void spin(void *unused)
{
        for (;;)
                cpu_relax();
}

static int __init fault_init(void)
{
        if (strcmp(kind, "stack") == 0)
                smash_stack(64);
        else if (strcmp(kind, "spin") == 0) /* every CPU */
                on_each_cpu(spin, NULL, 0);
        else if (strcmp(kind, "spin-one") == 0) /* the last one; the others go on */
                smp_call_function_single(num_online_cpus() - 1, spin, NULL, 0);
        return -EINVAL;
}

module_init(fault_init);
MODULE_DESCRIPTION("Faults of a kernel under test");
MODULE_LICENSE("GPL");
