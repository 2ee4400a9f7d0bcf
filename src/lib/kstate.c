/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel says of itself: system_state (include/linux/kernel.h), panic_cpu (kernel/panic.c: atomic_t,
 * PANIC_CPU_INVALID until panic() is entered, then the number of that CPU for good), jiffies_64,
 * __num_online_cpus (kernel/cpu.c: atomic_t, 5.3 and later, none where it is built for one CPU). */
#include <errno.h>

#include "kmem.h"
#include "macros.h"

static const char *const state_names[_MPART_SYSTEM_MAX] = {
        [MPART_SYSTEM_BOOTING] = "booting",
        [MPART_SYSTEM_SCHEDULING] = "scheduling",
        [MPART_SYSTEM_FREEING_INITMEM] = "freeing-initmem",
        [MPART_SYSTEM_RUNNING] = "running",
        [MPART_SYSTEM_HALT] = "halt",
        [MPART_SYSTEM_POWER_OFF] = "power-off",
        [MPART_SYSTEM_RESTART] = "restart",
        [MPART_SYSTEM_SUSPEND] = "suspend",
};

const char *mpart_system_state_to_string(int state)
{
        return state >= 0 && state < _MPART_SYSTEM_MAX ? state_names[state] : NULL;
}

static int look_up(struct mpart_kmem *k, struct mpart_error *e)
{
        static const char *const names[] = { "system_state", "panic_cpu", "jiffies_64",
                "__num_online_cpus" };
        uint64_t found[ARRAY_SIZE(names)] = { 0 };
        int r = mpart_kallsyms_find(k, names, ARRAY_SIZE(names), found, e);
        if (r == -EOPNOTSUPP) {
                k->looked_up = true;
                return 0;
        }
        if (r < 0)
                return r;
        if (!found[0] || !found[1] || !found[2])
                return mpart_error_set(e, -EBADMSG, "kernel %s lacks a symbol: %s", k->info.release,
                                !found[0]   ? names[0]
                                : !found[1] ? names[1]
                                            : names[2]);
        k->system_state = found[0];
        k->panic_cpu = found[1];
        k->jiffies = found[2];
        k->cpus_online = found[3];
        k->looked_up = true;
        return 0;
}

int mpart_kstate_read(struct mpart_kmem *k, struct mpart_kstate *ret, struct mpart_error *e)
{
        int r = k->looked_up ? 0 : look_up(k, e);
        if (r < 0)
                return r;
        struct mpart_kstate s = { .found = k->system_state != 0, .panic_cpu = -1 };
        const struct {
                uint64_t address;
                void *to;
                size_t size;
        } values[] = {
                { k->system_state, &s.system_state, sizeof(s.system_state) },
                { k->panic_cpu, &s.panic_cpu, sizeof(s.panic_cpu) },
                { k->jiffies, &s.jiffies, sizeof(s.jiffies) },
                { k->cpus_online, &s.cpus_online, sizeof(s.cpus_online) },
        };
        for (size_t i = 0; s.found && i < ARRAY_SIZE(values); i++)
                if (values[i].address &&
                                mpart_kmem_read(k, values[i].address, values[i].to, values[i].size) < 0)
                        return mpart_error_set(e, -EFAULT, "the state of kernel %s lies outside its memory",
                                        k->info.release);
        *ret = s;
        return 0;
}

const volatile int *mpart_kstate_place(const struct mpart_kmem *k)
{
        uint64_t physical, room;
        if (k->system_state == 0 || k->system_state % sizeof(int) != 0 ||
                        mpart_kmem_translate(k, k->system_state, &physical, &room) < 0)
                return NULL;
        const uint8_t *place = mpart_kmem_at(k, physical, &room);
        return place && room >= sizeof(int) ? (const volatile int *)(const void *)place : NULL;
}
