// SPDX-License-Identifier: GPL-2.0-or-later
/* insmod fault.ko kind=KIND: breaks the kernel that loads it, as a bug in a driver would. Of kernels under
 * test alone. */
#include <linux/module.h>
#include <linux/smp.h>

static char *kind = "";
module_param(kind, charp, 0);

/* Writes twice the size of its buffer: over the canary and the return address behind it. */
static noinline void smash_stack(void)
{
        char buffer[32];
        volatile char *p = buffer;
        OPTIMIZER_HIDE_VAR(p); /* else the compiler counts on the size */
        for (size_t i = 0; i < 2 * sizeof(buffer); i++)
                p[i] = (char)i;
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
                smash_stack();
        else if (strcmp(kind, "spin") == 0) /* every CPU */
                on_each_cpu(spin, NULL, 0);
        else if (strcmp(kind, "spin-one") == 0) /* the last one; the others go on */
                smp_call_function_single(num_online_cpus() - 1, spin, NULL, 0);
        return -EINVAL;
}

module_init(fault_init);
MODULE_DESCRIPTION("Faults of a kernel under test");
MODULE_LICENSE("GPL");
