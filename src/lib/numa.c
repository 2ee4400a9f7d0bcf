/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second opinion on the live machine. The only file that knows libnuma. Its warnings go to standard error
 * and its errors may end the process, so it is asked only what cannot fail: nodes that it lists itself. */
#include <errno.h>
#include <numa.h>

#include "library.h"
#include "reader.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(numa_allocate_cpumask) \
        X(numa_available) \
        X(numa_bitmask_free) \
        X(numa_bitmask_isbitset) \
        X(numa_distance) \
        X(numa_max_node) \
        X(numa_node_to_cpus)
/* clang-format on */
LIBRARY(library, "libnuma.so.1", "libnuma1", "a second opinion on the nodes", FUNCTIONS);

static int compare_cpus(struct mpart_machine *m, const struct mpart_node *node)
{
        _cleanup_cpuset_ struct mpart_cpuset theirs = { 0 }, ours = { 0 };
        struct bitmask *mask = numa_allocate_cpumask();
        if (!mask)
                return -ENOMEM;
        int r = numa_node_to_cpus((int)node->id, mask) < 0 ? 1 : 0;
        for (unsigned i = 0; i < mask->size && i < MPART_CPU_LIMIT && r == 0; i++)
                if (numa_bitmask_isbitset(mask, i))
                        r = mpart_cpuset_add(&theirs, i);
        numa_free_cpumask(mask);
        if (r != 0)
                return r < 0 ? r : machine_note(m, "libnuma cannot tell the CPUs of node %u", node->id);

        MPART_CPUSET_FOREACH (id, &node->cpus) {
                const struct mpart_cpu *cpu = mpart_machine_cpu(m, (unsigned)id);
                if (cpu && cpu->online)
                        r = mpart_cpuset_add(&ours, (unsigned)id);
                if (r < 0)
                        return r;
        }
        if (mpart_cpuset_equal(&ours, &theirs))
                return 0;
        _cleanup_free_ char *text = NULL;
        r = mpart_cpuset_format_list(&theirs, &text);
        return r < 0 ? r : machine_note(m, "node %u: libnuma sees the online CPUs \"%s\"", node->id, text);
}

static int compare_distances(struct mpart_machine *m, const struct mpart_node *from)
{
        for (size_t i = 0; i < m->n_nodes; i++) {
                unsigned to = m->nodes[i].id;
                int theirs = numa_distance((int)from->id, (int)to);
                if (theirs <= 0 || (unsigned)theirs == mpart_machine_distance(m, from->id, to))
                        continue;
                int r = machine_note(m, "distance from node %u to %u: libnuma says %d, the files %u",
                                from->id, to, theirs, mpart_machine_distance(m, from->id, to));
                if (r < 0)
                        return r;
        }
        return 0;
}

int numa_compare(struct mpart_machine *m)
{
        struct mpart_error e = MPART_ERROR_INIT;
        if (library_load(&library, &e) < 0)
                return machine_note(m, "%s", e.text);
        if (numa_available() < 0)
                return m->n_nodes > 1 ? machine_note(m, "libnuma finds no NUMA support in the kernel") : 0;
        struct bitmask *const *listed = library_variable(&library, "numa_nodes_ptr");
        for (size_t i = 0; i < m->n_nodes && listed; i++) {
                const struct mpart_node *node = &m->nodes[i];
                int r = 0;
                if ((int)node->id > numa_max_node() || !numa_bitmask_isbitset(*listed, node->id))
                        r = machine_note(m, "libnuma does not list node %u", node->id);
                else {
                        r = compare_cpus(m, node);
                        if (r == 0)
                                r = compare_distances(m, node);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
