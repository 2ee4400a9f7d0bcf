/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "log.h"
#include "macros.h"
#include "pending.h"

struct pending {
        sd_bus_message *call;
        unsigned references;
        bool lists_ids;
        uint32_t *ids;
        size_t n_ids, capacity;
        sd_bus_error error; /* the first one */
};

struct pending *pending_new(sd_bus_message *call, bool lists_ids)
{
        struct pending *p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        p->call = sd_bus_message_ref(call);
        p->references = 1;
        p->lists_ids = lists_ids;
        return p;
}

struct pending *pending_ref(struct pending *p)
{
        if (p)
                p->references++;
        return p;
}

static int reply_ids(struct pending *p)
{
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(p->call, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'u', p->ids, p->n_ids * sizeof(*p->ids));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

void pending_release(struct pending *p)
{
        if (!p || --p->references > 0)
                return;
        int r;
        if (p->n_ids == 0 && sd_bus_error_is_set(&p->error))
                r = sd_bus_reply_method_error(p->call, &p->error);
        else if (p->lists_ids)
                r = reply_ids(p);
        else
                r = sd_bus_reply_method_return(p->call, NULL);
        if (r < 0)
                log_warning("a reply could not be sent: %s", strerror(-r));
        sd_bus_error_free(&p->error);
        sd_bus_message_unref(p->call);
        free(p->ids);
        free(p);
}

void pending_succeed(struct pending *p, unsigned kernel)
{
        if (!p)
                return;
        if (grow_array(&p->ids, &p->capacity, p->n_ids + 1, sizeof(*p->ids)) == 0)
                p->ids[p->n_ids++] = kernel;
        pending_release(p);
}

void pending_fail(struct pending *p, const char *error_name, const char *text)
{
        if (!p)
                return;
        if (!sd_bus_error_is_set(&p->error))
                sd_bus_error_set(&p->error, error_name, text);
        pending_release(p);
}
