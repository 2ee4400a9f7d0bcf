/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distances between nodes: the columns of nodeN/distance follow the order of the online nodes. */
#include <ctype.h>
#include <errno.h>

#include "distances.h"
#include "fs.h"

#define DIRECTORY "sys/devices/system/node"

/* ACPI 6.5 section 5.2.17: offsets in the SLIT. */
#define SLIT_COUNT 36
#define SLIT_MATRIX 44

/* Node ids in the order of the columns. */
struct columns {
        struct mpart_cpuset online, directories;
};

static void columns_free(struct columns *c)
{
        mpart_cpuset_free(&c->online);
        mpart_cpuset_free(&c->directories);
}

static int read_columns(int root, struct columns *c)
{
        _cleanup_free_ char *text = NULL;
        int r = read_line_at(root, DIRECTORY "/online", &text);
        if (r == 0)
                r = mpart_cpuset_parse_list(text, &c->online);
        if (r == -ENOMEM)
                return r;

        char **names = NULL;
        size_t n = 0;
        r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                uint64_t id;
                if (name_number(names[i], "node", MPART_CPU_LIMIT, &id))
                        r = mpart_cpuset_add(&c->directories, (unsigned)id);
        }
        free_names(names, n);
        return r;
}

static size_t count_numbers(const char *p)
{
        size_t n = 0;
        for (; *p; n++) {
                p += strspn(p, " \t\n");
                if (!isdigit((unsigned char)*p))
                        break;
                p += strspn(p, "0123456789");
        }
        return n;
}

/* The online list is what the kernel printed by; a captured machine may have a wrong one, or none. */
static const struct mpart_cpuset *choose_columns(const struct columns *c, size_t n)
{
        if (mpart_cpuset_count(&c->online) == n)
                return &c->online;
        return mpart_cpuset_count(&c->directories) == n ? &c->directories : NULL;
}

static int read_row(int root, struct mpart_machine *m, const struct columns *c, size_t row)
{
        char path[96];
        _cleanup_free_ char *text = NULL;
        snprintf(path, sizeof(path), DIRECTORY "/node%u/distance", m->nodes[row].id);
        int r = read_line_at(root, path, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        size_t n = count_numbers(text);
        const struct mpart_cpuset *ids = choose_columns(c, n);
        if (!ids)
                return machine_note(m,
                                "node%u/distance has %zu numbers for %zu online nodes: its distances count "
                                "as unknown",
                                m->nodes[row].id, n, mpart_cpuset_count(&c->online));
        char *p = text;
        MPART_CPUSET_FOREACH (id, ids) {
                unsigned long distance = strtoul(p, &p, 10);
                size_t column = machine_node_index(m, (unsigned)id);
                if (column != SIZE_MAX && distance <= UINT8_MAX) /* SLIT: one byte each, ACPI 6.5 5.2.17 */
                        m->distance[row * m->n_nodes + column] = (unsigned)distance;
        }
        return 0;
}

/* The matrix of a valid SLIT, as slit_valid() in drivers/acpi/numa/srat.c judges it; NULL: none. */
static const uint8_t *find_matrix(const char *table, size_t size, uint64_t *ret_n)
{
        uint32_t length;
        uint64_t n;
        uint8_t sum = 0;
        if (size < SLIT_MATRIX || memcmp(table, "SLIT", 4) != 0)
                return NULL;
        memcpy(&length, table + 4, sizeof(length));
        memcpy(&n, table + SLIT_COUNT, sizeof(n));
        if (length > size || length < SLIT_MATRIX || n > UINT16_MAX || n * n > length - SLIT_MATRIX)
                return NULL;
        for (size_t i = 0; i < length; i++)
                sum = (uint8_t)(sum + (uint8_t)table[i]);
        const uint8_t *matrix = (const uint8_t *)table + SLIT_MATRIX;
        for (uint64_t i = 0; i < n; i++)
                for (uint64_t k = 0; k < n; k++)
                        if (i == k ? matrix[i * n + k] != 10 : matrix[i * n + k] <= 10)
                                return NULL;
        *ret_n = n;
        return sum == 0 ? matrix : NULL;
}

static void complete(
                struct mpart_machine *m, const struct domain_map *map, const uint8_t *matrix, uint64_t n)
{
        for (size_t row = 0; row < m->n_nodes; row++)
                for (size_t column = 0; column < m->n_nodes; column++) {
                        unsigned *distance = &m->distance[row * m->n_nodes + column];
                        size_t from = domain_of_node(map, m->nodes[row].id);
                        size_t to = domain_of_node(map, m->nodes[column].id);
                        if (*distance != 0 || from == SIZE_MAX || to == SIZE_MAX)
                                continue;
                        uint32_t i = map->srat->domains[from], k = map->srat->domains[to];
                        if (i < n && k < n)
                                *distance = matrix[i * n + k];
                }
}

static bool is_complete(const struct mpart_machine *m)
{
        for (size_t i = 0; i < m->n_nodes * m->n_nodes; i++)
                if (m->distance[i] == 0)
                        return false;
        return true;
}

static int complete_from_slit(int root, struct mpart_machine *m, const struct domain_map *map)
{
        _cleanup_free_ char *table = NULL;
        size_t size;
        uint64_t n;
        int r = read_file_at(root, "sys/firmware/acpi/tables/SLIT", MiB, &table, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        const uint8_t *matrix = find_matrix(table, size, &n);
        if (matrix)
                complete(m, map, matrix, n);
        return 0;
}

int distances_read(int root, struct mpart_machine *m, const struct domain_map *map)
{
        _cleanup_(columns_free) struct columns c = { 0 };
        int r = new_array(&m->distance, m->n_nodes * m->n_nodes, sizeof(*m->distance));
        if (r == 0)
                r = read_columns(root, &c);
        for (size_t row = 0; row < m->n_nodes && r == 0; row++)
                r = read_row(root, m, &c, row);
        if (r == 0 && map->nodes && !is_complete(m))
                r = complete_from_slit(root, m, map);
        return r;
}
