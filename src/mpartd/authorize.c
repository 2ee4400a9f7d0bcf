/* SPDX-License-Identifier: GPL-2.0-or-later */
/* polkit's interface: org.freedesktop.PolicyKit1.Authority in its reference manual. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>

#include "authorize.h"
#include "log.h"
#include "macros.h"
#include "manager.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define ALLOW_USER_INTERACTION UINT32_C(1)
#define PASSWORD_USEC (UINT64_C(300) * 1000000) /* for somebody to be found and to type it */
#define QUESTIONS_MAX 16                        /* of one user at once */

/* One call about which polkit was asked. */
struct authorization {
        struct manager *manager;
        sd_bus_message *call;
        const char *action;
        char kernel[64]; /* name; "": of none */
        uid_t uid;
        sd_bus_slot *question;
        sd_bus_track *caller;
        sd_event_source *forget;
        bool answered;
        sd_bus_error refusal; /* of an answer; not set: allowed */
        struct authorization *next;
};

static void authorization_free(struct authorization *a)
{
        for (struct authorization **p = &a->manager->authorizations; *p; p = &(*p)->next)
                if (*p == a) {
                        *p = a->next;
                        break;
                }
        sd_bus_slot_unref(a->question);
        sd_bus_track_unref(a->caller);
        sd_event_source_disable_unref(a->forget);
        sd_bus_message_unref(a->call);
        sd_bus_error_free(&a->refusal);
        free(a);
}

static void authorization_freep(struct authorization **a)
{
        if (*a)
                authorization_free(*a);
}

static int on_caller_gone(sd_bus_track *track, void *userdata)
{
        (void)track;
        authorization_free(userdata);
        return 1; /* 0 would have it called again */
}

static int on_forget(sd_event_source *source, void *userdata)
{
        (void)source;
        authorization_free(userdata);
        return 0;
}

static void read_answer(sd_bus_message *answer, struct authorization *a)
{
        int allowed, challenge;
        const sd_bus_error *failure = sd_bus_message_get_error(answer);
        int r = failure ? -EACCES : sd_bus_message_enter_container(answer, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(answer, "bb", &allowed, &challenge);
        if (r < 0)
                sd_bus_error_setf(&a->refusal, SD_BUS_ERROR_ACCESS_DENIED,
                                "%s is for root alone while polkit does not decide: %s", a->action,
                                failure && failure->message ? failure->message : "it answers nonsense");
        else if (!allowed && challenge)
                sd_bus_error_setf(&a->refusal, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                "%s needs a password, and nobody is there to ask for it (pkttyagent, or the "
                                "agent of a desktop)",
                                a->action);
        else if (!allowed)
                sd_bus_error_setf(&a->refusal, SD_BUS_ERROR_ACCESS_DENIED,
                                "%s is not allowed to you by polkit; root may, and who a rule of polkit lets",
                                a->action);
}

/* The call goes through the bus's dispatch once more: the kernel that it is about may be another by now. The
 * answer is kept until that has happened, which is before the loop is idle. */
static int dispatch_again(struct authorization *a)
{
        int r = sd_event_add_defer(a->manager->event, &a->forget, on_forget, a);
        if (r >= 0)
                r = sd_event_source_set_priority(a->forget, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_bus_message_rewind(a->call, true);
        return r < 0 ? r : sd_bus_enqueue_for_read(a->manager->bus, a->call);
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *error)
{
        struct authorization *a = userdata;
        (void)error;
        read_answer(answer, a);
        a->answered = true;
        a->caller = sd_bus_track_unref(a->caller);
        log_notice("%s%s%s: user %u %s", a->action, *a->kernel ? " of kernel " : "", a->kernel,
                        (unsigned)a->uid, sd_bus_error_is_set(&a->refusal) ? "is refused" : "may");
        int r = dispatch_again(a);
        if (r < 0) {
                sd_bus_reply_method_errno(a->call, r, NULL);
                authorization_free(a);
        }
        return 1;
}

static int ask(struct authorization *a, const struct kernel *k)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
        bool interactive = sd_bus_message_get_allow_interactive_authorization(a->call) > 0;
        int r = sd_bus_message_new_method_call(a->manager->bus, &question, POLKIT_NAME, POLKIT_PATH,
                        POLKIT_INTERFACE, "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(question, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                sd_bus_message_get_sender(a->call), a->action);
        if (r >= 0 && k) {
                char id[16];
                snprintf(id, sizeof(id), "%u", k->id);
                r = sd_bus_message_append(question, "a{ss}", 2, "kernel", id, "name", k->planned->name);
        } else if (r >= 0) {
                r = sd_bus_message_append(question, "a{ss}", 0);
        }
        if (r >= 0)
                r = sd_bus_message_append(question, "us", interactive ? ALLOW_USER_INTERACTION : 0, "");
        return r < 0 ? r
                     : sd_bus_call_async(a->manager->bus, &a->question, question, on_answer, a,
                                       interactive ? PASSWORD_USEC : 0);
}

static const char *name_of(const struct kernel *k)
{
        return k ? k->planned->name : "";
}

static int begin(struct manager *m, sd_bus_message *call, const char *action, const struct kernel *k,
                uid_t uid)
{
        _cleanup_(authorization_freep) struct authorization *a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        *a = (struct authorization){ .manager = m, .action = action, .uid = uid, .next = m->authorizations };
        m->authorizations = a;
        a->call = sd_bus_message_ref(call);
        snprintf(a->kernel, sizeof(a->kernel), "%s", name_of(k));
        int r = sd_bus_track_new(m->bus, &a->caller, on_caller_gone, a);
        if (r >= 0)
                r = sd_bus_track_add_sender(a->caller, call);
        if (r >= 0)
                r = ask(a, k);
        if (r < 0)
                return r;
        TAKE_PTR(a);
        return 1;
}

static int judge(const struct authorization *a, const char *action, const struct kernel *k,
                sd_bus_error *error)
{
        if (!streq(a->action, action) || !streq(a->kernel, name_of(k)))
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "the plan was replaced while polkit was asked; call again");
        return sd_bus_error_copy(error, &a->refusal);
}

static int check_limit(const struct manager *m, uid_t uid, sd_bus_error *error)
{
        size_t n = 0;
        for (const struct authorization *a = m->authorizations; a; a = a->next)
                n += a->uid == uid;
        return n < QUESTIONS_MAX
                               ? 0
                               : sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                                 "polkit has %zu questions about you to answer already", n);
}

int authorize(struct manager *m, sd_bus_message *call, const char *action, const struct kernel *k,
                sd_bus_error *error)
{
        for (const struct authorization *a = m->authorizations; a; a = a->next)
                if (a->call == call && a->answered)
                        return judge(a, action, k, error);

        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t uid;
        int r = sd_bus_query_sender_privilege(call, CAP_SYS_ADMIN);
        if (r != 0)
                return r < 0 ? r : 0;
        r = sd_bus_query_sender_creds(call, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &uid);
        if (r >= 0)
                r = check_limit(m, uid, error);
        return r < 0 ? r : begin(m, call, action, k, uid);
}

void authorize_end(struct manager *m)
{
        while (m->authorizations) {
                struct authorization *a = m->authorizations;
                sd_bus_reply_method_errorf(a->call, BUS_ERROR_FAILED, "mpartd ends");
                authorization_free(a);
        }
}
