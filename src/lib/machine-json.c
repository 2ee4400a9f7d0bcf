/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"
#include "reader.h"

/* Each helper adds one thing to an object and gives false where memory runs out. */

static bool add_number(cJSON *o, const char *name, double value)
{
        return cJSON_AddNumberToObject(o, name, value) != NULL;
}

static bool add_string(cJSON *o, const char *name, const char *value)
{
        return cJSON_AddStringToObject(o, name, value) != NULL;
}

static bool add_bool(cJSON *o, const char *name, bool value)
{
        return cJSON_AddBoolToObject(o, name, value) != NULL;
}

static bool add_set(cJSON *o, const char *name, const struct mpart_cpuset *s)
{
        _cleanup_free_ char *list = NULL;
        return mpart_cpuset_format_list(s, &list) == 0 && add_string(o, name, list);
}

static cJSON *add_item(cJSON *array)
{
        cJSON *o = cJSON_CreateObject();
        if (o && !cJSON_AddItemToArray(array, o)) {
                cJSON_Delete(o);
                return NULL;
        }
        return o;
}

static bool add_ranges(cJSON *o, const char *name, const struct mpart_ranges *s)
{
        cJSON *array = cJSON_AddArrayToObject(o, name);
        for (size_t i = 0; array && i < s->n; i++) {
                cJSON *item = add_item(array);
                if (!item || json_add_u64(item, "start", s->items[i].start) < 0 ||
                                json_add_u64(item, "size", s->items[i].size) < 0)
                        return false;
        }
        return array;
}

static bool fill_cpu(cJSON *o, const struct mpart_cpu *cpu)
{
        return add_number(o, "id", cpu->id) && add_number(o, "node", cpu->node) &&
               (cpu->apic_id == MPART_APIC_ID_UNKNOWN || add_number(o, "apicId", cpu->apic_id)) &&
               add_number(o, "package", cpu->package) && add_number(o, "core", cpu->core) &&
               add_set(o, "siblings", &cpu->siblings) && add_bool(o, "online", cpu->online);
}

static bool add_cpus(cJSON *root, const struct mpart_machine *m)
{
        cJSON *array = cJSON_AddArrayToObject(root, "cpus");
        for (size_t i = 0; array && i < m->n_cpus; i++) {
                cJSON *o = add_item(array);
                if (!o || !fill_cpu(o, &m->cpus[i]))
                        return false;
        }
        return array;
}

static bool add_distances(cJSON *o, const struct mpart_machine *m, size_t row)
{
        cJSON *array = cJSON_AddArrayToObject(o, "distance");
        for (size_t i = 0; array && i < m->n_nodes; i++) {
                cJSON *number = cJSON_CreateNumber(
                                mpart_machine_distance(m, m->nodes[row].id, m->nodes[i].id));
                if (!number || !cJSON_AddItemToArray(array, number)) {
                        cJSON_Delete(number);
                        return false;
                }
        }
        return array;
}

static bool add_nodes(cJSON *root, const struct mpart_machine *m)
{
        cJSON *array = cJSON_AddArrayToObject(root, "nodes");
        for (size_t i = 0; array && i < m->n_nodes; i++) {
                const struct mpart_node *node = &m->nodes[i];
                cJSON *o = add_item(array);
                if (!o || !add_number(o, "id", node->id) || !add_set(o, "cpus", &node->cpus) ||
                                !add_ranges(o, "memory", &node->memory) ||
                                !add_bool(o, "exact", node->exact) || !add_distances(o, m, i))
                        return false;
        }
        return array;
}

static bool add_hex(cJSON *o, const char *name, unsigned digits, unsigned value)
{
        char text[16];
        snprintf(text, sizeof(text), "0x%0*x", (int)digits, value);
        return add_string(o, name, text);
}

static bool fill_function(cJSON *o, const struct mpart_pci_function *f)
{
        return add_string(o, "address", f->address) && add_hex(o, "vendor", 4, f->vendor) &&
               add_hex(o, "device", 4, f->device) && add_hex(o, "class", 6, f->class_code) &&
               add_number(o, "node", f->node) && add_number(o, "iommuGroup", f->iommu_group) &&
               add_bool(o, "bridge", f->is_bridge) && add_string(o, "parent", f->parent) &&
               add_string(o, "driver", f->driver);
}

static bool add_pci(cJSON *root, const struct mpart_machine *m)
{
        cJSON *array = cJSON_AddArrayToObject(root, "pci");
        for (size_t i = 0; array && i < m->n_pci; i++) {
                cJSON *o = add_item(array);
                if (!o || !fill_function(o, &m->pci[i]))
                        return false;
        }
        return array;
}

static bool add_uarts(cJSON *root, const struct mpart_machine *m)
{
        _cleanup_cpuset_ struct mpart_cpuset uarts = { 0 };
        for (size_t i = 0; i < m->n_uarts; i++)
                if (mpart_cpuset_add(&uarts, m->uarts[i]) < 0)
                        return false;
        return add_set(root, "uarts", &uarts) && add_set(root, "consoles", &m->consoles);
}

static bool add_notes(cJSON *root, const struct mpart_machine *m)
{
        cJSON *array = cJSON_AddArrayToObject(root, "notes");
        for (size_t i = 0; array && i < m->n_notes; i++) {
                cJSON *text = cJSON_CreateString(m->notes[i]);
                if (!text || !cJSON_AddItemToArray(array, text)) {
                        cJSON_Delete(text);
                        return false;
                }
        }
        return array;
}

static const char *apic_mode_name(enum mpart_apic_mode mode)
{
        switch (mode) {
        case MPART_APIC_MODE_XAPIC:
                return "xapic";
        case MPART_APIC_MODE_X2APIC:
                return "x2apic";
        case MPART_APIC_MODE_UNKNOWN:
                break;
        }
        return "unknown";
}

static bool fill_machine(cJSON *o, const struct mpart_machine *m)
{
        return add_string(o, "format", "mpart-machine") && add_number(o, "version", 1) &&
               add_string(o, "digest", m->digest) && add_bool(o, "x86_64", m->x86_64) &&
               add_bool(o, "live", m->live) && add_string(o, "apicMode", apic_mode_name(m->apic_mode)) &&
               add_cpus(o, m) && add_nodes(o, m) && add_ranges(o, "ram", &m->ram) &&
               add_ranges(o, "kernel", &m->kernel) && add_ranges(o, "crashKernel", &m->crash_kernel) &&
               add_ranges(o, "withheldOurs", &m->withheld_ours) && add_ranges(o, "withheld", &m->withheld) &&
               add_uarts(o, m) && add_pci(o, m) && add_notes(o, m);
}

char *mpart_machine_to_json(const struct mpart_machine *m)
{
        cJSON *o = cJSON_CreateObject();
        char *text = o && fill_machine(o, m) ? json_format(o) : NULL;
        cJSON_Delete(o);
        return text;
}
