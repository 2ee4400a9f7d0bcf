/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "macros.h"
#include "srat.h"

/* ACPI 6.5 section 5.2.16; all little endian. */
enum {
        HEADER_SIZE = 48,
        TYPE_APIC = 0,              /* 5.2.16.1, 16 bytes */
        TYPE_MEMORY = 1,            /* 5.2.16.2, 40 bytes */
        TYPE_X2APIC = 2,            /* 5.2.16.3, 24 bytes */
        TYPE_GENERIC_INITIATOR = 5, /* 5.2.16.6, 32 bytes */
        FLAG_ENABLED = 1,
        FLAG_HOTPLUG = 2,
};

struct parser {
        const uint8_t *data;
        size_t size;
        unsigned revision;
        struct srat s;
        size_t cpu_capacity, memory_capacity, domain_capacity;
        uint32_t seen_low[8]; /* bit per domain below 256: most tables have no other */
};

void srat_free(struct srat *s)
{
        free(s->cpus);
        free(s->memory);
        free(s->domains);
        *s = (struct srat){ 0 };
}

static uint32_t get_u32(const uint8_t *p)
{
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get_u64(const uint8_t *p)
{
        return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static int add_domain(struct parser *p, uint32_t domain)
{
        if (domain < 256) {
                uint32_t bit = UINT32_C(1) << (domain % 32);
                if (p->seen_low[domain / 32] & bit)
                        return 0;
                p->seen_low[domain / 32] |= bit;
        } else {
                for (size_t i = 0; i < p->s.n_domains; i++)
                        if (p->s.domains[i] == domain)
                                return 0;
        }
        int r = grow_array(&p->s.domains, &p->domain_capacity, p->s.n_domains + 1, sizeof(uint32_t));
        if (r < 0)
                return r;
        p->s.domains[p->s.n_domains++] = domain;
        return 0;
}

static int add_cpu(struct parser *p, uint32_t apic_id, uint32_t domain)
{
        int r = grow_array(&p->s.cpus, &p->cpu_capacity, p->s.n_cpus + 1, sizeof(*p->s.cpus));
        if (r < 0)
                return r;
        p->s.cpus[p->s.n_cpus++] = (struct srat_cpu){ .apic_id = apic_id, .domain = domain };
        return add_domain(p, domain);
}

static int parse_apic(struct parser *p, const uint8_t *entry)
{
        if (!(get_u32(entry + 4) & FLAG_ENABLED))
                return 0;
        uint32_t domain = entry[2];
        if (p->revision >= 2) /* before, the upper 24 bits are reserved */
                domain |= (get_u32(entry + 8) & 0xffffff00U);
        return add_cpu(p, entry[3], domain);
}

static int parse_x2apic(struct parser *p, const uint8_t *entry)
{
        if (!(get_u32(entry + 12) & FLAG_ENABLED))
                return 0;
        return add_cpu(p, get_u32(entry + 8), get_u32(entry + 4));
}

static int parse_generic_initiator(struct parser *p, const uint8_t *entry)
{
        return get_u32(entry + 24) & FLAG_ENABLED ? add_domain(p, get_u32(entry + 4)) : 0;
}

static int parse_memory(struct parser *p, const uint8_t *entry)
{
        uint32_t flags = get_u32(entry + 28);
        if (!(flags & FLAG_ENABLED))
                return 0;
        struct srat_memory memory = {
                .start = get_u64(entry + 8),
                .size = get_u64(entry + 16),
                .domain = get_u32(entry + 2) & (p->revision >= 2 ? UINT32_MAX : 0xff),
                .hotplug = flags & FLAG_HOTPLUG,
        };
        memory.size = MIN(memory.size, UINT64_MAX - memory.start);
        if (memory.size > 0) {
                int r = grow_array(
                                &p->s.memory, &p->memory_capacity, p->s.n_memory + 1, sizeof(*p->s.memory));
                if (r < 0)
                        return r;
                p->s.memory[p->s.n_memory++] = memory;
        }
        return add_domain(p, memory.domain);
}

/* Linux goes over the table twice and numbers nodes as it meets new domains: first CPUs and generic
 * initiators, then memory (acpi_numa_init in drivers/acpi/numa/srat.c). */
static const struct {
        uint8_t type, size;
        unsigned pass;
        int (*parse)(struct parser *p, const uint8_t *entry);
} entry_types[] = {
        { TYPE_APIC, 16, 0, parse_apic },
        { TYPE_X2APIC, 24, 0, parse_x2apic },
        { TYPE_GENERIC_INITIATOR, 32, 0, parse_generic_initiator },
        { TYPE_MEMORY, 40, 1, parse_memory },
};

static int parse_entry(struct parser *p, size_t offset, unsigned pass, struct mpart_error *e)
{
        const uint8_t *entry = p->data + offset;
        for (size_t i = 0; i < ARRAY_SIZE(entry_types); i++) {
                if (entry_types[i].type != entry[0] || entry_types[i].pass != pass)
                        continue;
                if (entry[1] < entry_types[i].size)
                        return mpart_error_set(e, -EBADMSG,
                                        "SRAT: entry at offset %zu, type %u, has %u bytes instead of %u",
                                        offset, entry[0], entry[1], entry_types[i].size);
                if (entry_types[i].parse(p, entry) < 0)
                        return mpart_error_set(e, -ENOMEM, "SRAT: out of memory");
        }
        return 0;
}

static int parse_entries(struct parser *p, unsigned pass, struct mpart_error *e)
{
        for (size_t offset = HEADER_SIZE; offset < p->size; offset += p->data[offset + 1]) {
                size_t rest = p->size - offset;
                if (rest < 2 || p->data[offset + 1] < 2 || p->data[offset + 1] > rest)
                        return mpart_error_set(e, -EBADMSG,
                                        "SRAT: entry at offset %zu does not fit into the table", offset);
                int r = parse_entry(p, offset, pass, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_header(const uint8_t *data, size_t size, size_t *ret_length, struct mpart_error *e)
{
        if (size < HEADER_SIZE || memcmp(data, "SRAT", 4) != 0)
                return mpart_error_set(
                                e, -EBADMSG, "SRAT: %zu bytes that do not begin as the table does", size);
        size_t length = get_u32(data + 4);
        if (length < HEADER_SIZE || length > size)
                return mpart_error_set(e, -EBADMSG, "SRAT: the length field says %zu bytes, there are %zu",
                                length, size);
        uint8_t sum = 0;
        for (size_t i = 0; i < length; i++)
                sum = (uint8_t)(sum + data[i]);
        if (sum != 0)
                return mpart_error_set(
                                e, -EBADMSG, "SRAT: wrong checksum (the sum is %u instead of 0)", sum);
        *ret_length = length;
        return 0;
}

int srat_parse(const void *data, size_t size, struct srat *ret, struct mpart_error *e)
{
        struct parser p = { .data = data };
        int r = check_header(data, size, &p.size, e);
        if (r < 0)
                return r;
        p.revision = p.data[8];
        for (unsigned pass = 0; pass < 2 && r == 0; pass++)
                r = parse_entries(&p, pass, e);
        if (r < 0) {
                srat_free(&p.s);
                return r;
        }
        *ret = p.s;
        return 0;
}
