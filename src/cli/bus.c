/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus-internal.h"
#include "macros.h"

#define NAME BUS_NAME
#define MANAGER_PATH "/org/mpartd1"
#define MANAGER "org.mpartd1.Manager"
#define KERNEL BUS_KERNEL_INTERFACE
/* Loading images, taking CPUs down and up again: longer than the bus's own 25 seconds on a large machine. */
#define SLOW_CALL_USEC (UINT64_C(300) * 1000000)

int bus_open(struct sd_bus **ret, struct mpart_error *e)
{
        int r = sd_bus_open_system(ret);
        if (r >= 0)
                return 0;
        return mpart_error_set(e, r == -ENOENT || r == -ECONNREFUSED ? BUS_NO_DAEMON : r,
                        "the system bus cannot be reached: %s", strerror(-r));
}

void bus_closep(struct sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}

int bus_failed(int r, const sd_bus_error *error, struct mpart_error *e)
{
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return mpart_error_set(e, BUS_NO_DAEMON, "mpartd does not run and cannot be started: %s",
                                error->message);
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                return mpart_error_set(e, -EACCES,
                                "mpartd refuses: %s (only root may change partitions, or look into their "
                                "memory)",
                                error->message);
        if (sd_bus_error_is_set(error) && error->message && *error->message)
                return mpart_error_set(e, r == BUS_NO_DAEMON ? -EIO : r, "%s", error->message);
        return mpart_error_set(e, r, "talk with mpartd failed: %s", strerror(-r));
}

int bus_misread(int r, struct mpart_error *e)
{
        return mpart_error_set(e, r, "a message to or from mpartd cannot be made out: %s", strerror(-r));
}

int bus_get_plan(struct sd_bus *bus, char **ret, struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, NAME, MANAGER_PATH, MANAGER, "GetPlan", &error, &reply, NULL);
        if (r < 0)
                return bus_failed(r, &error, e);
        const char *text;
        r = sd_bus_message_read(reply, "s", &text);
        if (r < 0)
                return bus_misread(r, e);
        char *copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int new_call(struct sd_bus *bus, const char *method, sd_bus_message **ret, struct mpart_error *e)
{
        int r = sd_bus_message_new_method_call(bus, ret, NAME, MANAGER_PATH, MANAGER, method);
        if (r < 0)
                return mpart_error_set(e, r, "mpartd cannot be called: %s", strerror(-r));
        return 0;
}

/* ret_reply may be NULL. */
static int slow_call(
                struct sd_bus *bus, sd_bus_message *call, sd_bus_message **ret_reply, struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message_set_allow_interactive_authorization(call, true);
        int r = sd_bus_call(bus, call, SLOW_CALL_USEC, &error, ret_reply);
        return r < 0 ? bus_failed(r, &error, e) : 0;
}

int bus_set_plan(struct sd_bus *bus, const char *plan, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, "SetPlan", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", plan);
        return r < 0 ? bus_misread(r, e) : slow_call(bus, call, NULL, e);
}

int bus_stop(struct sd_bus *bus, unsigned id, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, "Stop", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "u", (uint32_t)id);
        return r < 0 ? bus_misread(r, e) : slow_call(bus, call, NULL, e);
}

static int append_options(sd_bus_message *call, const struct bus_boot_options *o)
{
        const struct {
                const char *name, *value;
        } options[] = { { "image", o->image }, { "initrd", o->initrd },
                { "default-initrd", o->default_initrd }, { "cmdline", o->cmdline },
                { "on-crash", o->on_crash }, { "on-hang", o->on_hang }, { "on-reboot", o->on_reboot },
                { "on-poweroff", o->on_poweroff } };

        int r = sd_bus_message_open_container(call, 'a', "{sv}");
        for (size_t i = 0; i < ARRAY_SIZE(options) && r >= 0; i++)
                if (options[i].value)
                        r = sd_bus_message_append(call, "{sv}", options[i].name, "s", options[i].value);
        if (r >= 0 && o->no_dump)
                r = sd_bus_message_append(call, "{sv}", "dump", "b", 0);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

int bus_boot(struct sd_bus *bus, unsigned id, const struct bus_boot_options *o, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, "Boot", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "u", (uint32_t)id);
        if (r >= 0)
                r = append_options(call, o);
        return r < 0 ? bus_misread(r, e) : slow_call(bus, call, NULL, e);
}

/* An array of kernel ids; the caller frees *ret. */
static int read_ids(sd_bus_message *reply, unsigned **ret, size_t *ret_n, struct mpart_error *e)
{
        const void *ids;
        size_t size;
        int r = sd_bus_message_read_array(reply, 'u', &ids, &size);
        if (r < 0)
                return bus_misread(r, e);
        unsigned *copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        if (size)
                memcpy(copy, ids, size);
        *ret = copy;
        *ret_n = size / sizeof(uint32_t);
        return 0;
}

int bus_boot_all(struct sd_bus *bus, const struct bus_boot_options *o, unsigned **ret, size_t *ret_n,
                struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int r = new_call(bus, "BootAll", &call, e);
        if (r < 0)
                return r;
        r = append_options(call, o);
        if (r < 0)
                return bus_misread(r, e);
        r = slow_call(bus, call, &reply, e);
        return r < 0 ? r : read_ids(reply, ret, ret_n, e);
}

int bus_stop_all(struct sd_bus *bus, unsigned **ret, size_t *ret_n, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int r = new_call(bus, "StopAll", &call, e);
        if (r == 0)
                r = slow_call(bus, call, &reply, e);
        return r < 0 ? r : read_ids(reply, ret, ret_n, e);
}

void bus_kernels_free(struct bus_kernels *k)
{
        for (size_t i = 0; i < k->n; i++) {
                free(k->items[i].name);
                free(k->items[i].state);
                free(k->items[i].reason);
                free(k->items[i].cpus);
                free(k->items[i].backend);
                free(k->items[i].path);
        }
        free(k->items);
        *k = (struct bus_kernels){ 0 };
}

bool bus_kernel_is_up(const struct bus_kernel *k)
{
        return k->id != 0 && !streq(k->state, "inactive") && !streq(k->state, "failed");
}

/* Positive: one more kernel; 0: end of the list. */
static int read_kernel(sd_bus_message *reply, struct bus_kernels *k)
{
        uint32_t id;
        uint64_t memory;
        const char *name, *state, *reason, *cpus, *backend, *path;
        int r = sd_bus_message_read(
                        reply, "(usssstso)", &id, &name, &state, &reason, &cpus, &memory, &backend, &path);
        if (r <= 0)
                return r;
        r = grow_array(&k->items, &k->capacity, k->n + 1, sizeof(*k->items));
        if (r < 0)
                return r;
        struct bus_kernel *new = &k->items[k->n++];
        *new = (struct bus_kernel){ .id = id,
                .memory = memory,
                .name = strdup(name),
                .state = strdup(state),
                .reason = strdup(reason),
                .cpus = strdup(cpus),
                .backend = strdup(backend),
                .path = strdup(path) };
        return new->name &&new->state &&new->reason &&new->cpus &&new->backend &&new->path ? 1 : -ENOMEM;
}

static int read_timestamps(struct sd_bus *bus, struct bus_kernels *k, struct mpart_error *e)
{
        for (size_t i = 0; i < k->n; i++) {
                _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
                int r = sd_bus_get_property_trivial(bus, NAME, k->items[i].path, KERNEL, "BootTimestamp",
                                &error, 't', &k->items[i].boot_timestamp);
                if (r < 0)
                        return bus_failed(r, &error, e);
        }
        return 0;
}

int bus_list_kernels(struct sd_bus *bus, struct bus_kernels *ret, struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, NAME, MANAGER_PATH, MANAGER, "ListKernels", &error, &reply, NULL);
        if (r < 0)
                return bus_failed(r, &error, e);

        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        r = sd_bus_message_enter_container(reply, 'a', "(usssstso)");
        while (r >= 0 && (r = read_kernel(reply, &kernels)) > 0)
                ;
        if (r < 0)
                return bus_misread(r, e);
        r = read_timestamps(bus, &kernels, e);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(kernels);
        return 0;
}

void bus_details_free(struct bus_details *d)
{
        free(d->cmdline);
        for (char **p = d->pci; p && *p; p++)
                free(*p);
        free(d->pci);
        free(d->memory);
        *d = (struct bus_details){ 0 };
}

static int read_memory(sd_bus_message *reply, struct bus_details *d)
{
        int r = sd_bus_message_enter_container(reply, 'a', "(ttu)");
        struct bus_memory m;
        uint32_t node;
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ttu)", &m.start, &m.size, &node)) > 0) {
                m.node = node;
                r = grow_array(&d->memory, &d->memory_capacity, d->n_memory + 1, sizeof(m));
                if (r >= 0)
                        d->memory[d->n_memory++] = m;
        }
        return r;
}

int bus_kernel_details(struct sd_bus *bus, const struct bus_kernel *k, struct bus_details *ret,
                struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL, *times = NULL;
        _cleanup_details_ struct bus_details d = { 0 };
        int r = sd_bus_get_property_string(bus, NAME, k->path, KERNEL, "Cmdline", &error, &d.cmdline);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, NAME, k->path, KERNEL, "Pci", &error, &d.pci);
        if (r >= 0)
                r = sd_bus_get_property(bus, NAME, k->path, KERNEL, "Memory", &error, &reply, "a(ttu)");
        if (r >= 0)
                r = sd_bus_get_property(bus, NAME, k->path, KERNEL, "StageTimes", &error, &times, "(ttttt)");
        if (r < 0)
                return bus_failed(r, &error, e);
        r = read_memory(reply, &d);
        if (r >= 0)
                r = sd_bus_message_read(times, "(ttttt)", &d.stage_us[0], &d.stage_us[1], &d.stage_us[2],
                                &d.stage_us[3], &d.stage_us[4]);
        if (r < 0)
                return bus_misread(r, e);
        *ret = TAKE_STRUCT(d);
        return 0;
}

void bus_manager_free(struct bus_manager *m)
{
        free(m->version);
        free(m->digest);
        free(m->differences);
        *m = (struct bus_manager){ 0 };
}

int bus_manager_status(struct sd_bus *bus, struct bus_manager *ret, struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_manager_ struct bus_manager m = { 0 };
        const struct {
                const char *name;
                char **ret;
        } strings[] = {
                { "Version", &m.version },
                { "MachineDigest", &m.digest },
                { "PlanDifferences", &m.differences },
        };
        int r = 0, in_effect = 0;
        for (size_t i = 0; i < ARRAY_SIZE(strings) && r >= 0; i++)
                r = sd_bus_get_property_string(
                                bus, NAME, MANAGER_PATH, MANAGER, strings[i].name, &error, strings[i].ret);
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                                bus, NAME, MANAGER_PATH, MANAGER, "PlanInEffect", &error, 'b', &in_effect);
        if (r < 0)
                return bus_failed(r, &error, e);
        m.in_effect = in_effect;
        *ret = TAKE_STRUCT(m);
        return 0;
}
