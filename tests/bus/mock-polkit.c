/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mock-polkit ACTION=ANSWER...: takes polkit's place on the system bus. ANSWER is yes, no, challenge,
 * error or wait, which is "yes" once SIGUSR1 comes; no for actions that are not named. Prints
 * "ready", then a line for each question: action, caller, flags, details. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "macros.h"

#define WAITING_MAX 64

struct mock {
        char **rules;
        sd_bus_message *waiting[WAITING_MAX];
        size_t n_waiting;
};

static const char *answer_for(const struct mock *m, const char *action)
{
        for (char **rule = m->rules; *rule; rule++) {
                const char *rest = startswith(*rule, action);
                if (rest && *rest == '=')
                        return rest + 1;
        }
        return "no";
}

static int answer(sd_bus_message *question, bool allowed, bool challenge)
{
        return sd_bus_reply_method_return(question, "(bba{ss})", allowed, challenge, 0);
}

static int print_question(sd_bus_message *question, const char **ret_action)
{
        const char *kind, *key, *value, *name;
        uint32_t flags;
        char details[256] = "";
        size_t n = 0;
        int r = sd_bus_message_read(question, "(sa{sv})s", &kind, 1, &key, "s", &name, ret_action);
        if (r >= 0)
                r = sd_bus_message_enter_container(question, 'a', "{ss}");
        while (r >= 0 && (r = sd_bus_message_read(question, "{ss}", &key, &value)) > 0)
                n += (size_t)snprintf(details + n, sizeof(details) - n, " %s=%s", key, value);
        if (r >= 0)
                r = sd_bus_message_exit_container(question);
        if (r >= 0)
                r = sd_bus_message_read(question, "u", &flags);
        if (r < 0 || !streq(kind, "system-bus-name"))
                return -EBADMSG;
        printf("%s %s %u%s\n", *ret_action, name, flags, details);
        fflush(stdout);
        return 0;
}

static int check_authorization(sd_bus_message *question, void *userdata, sd_bus_error *error)
{
        struct mock *m = userdata;
        const char *action;
        int r = print_question(question, &action);
        if (r < 0)
                return r;
        const char *word = answer_for(m, action);
        if (streq(word, "error"))
                return sd_bus_error_set(
                                error, "org.freedesktop.PolicyKit1.Error.Failed", "the rules are broken");
        if (!streq(word, "wait"))
                return answer(question, streq(word, "yes"), streq(word, "challenge"));
        if (m->n_waiting == WAITING_MAX)
                return -ENOBUFS;
        m->waiting[m->n_waiting++] = sd_bus_message_ref(question);
        return 1;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        struct mock *m = userdata;
        (void)source;
        (void)info;
        while (m->n_waiting > 0) {
                answer(m->waiting[--m->n_waiting], true, false);
                sd_bus_message_unref(m->waiting[m->n_waiting]);
        }
        return 0;
}

int main(int argc, char **argv)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check_authorization,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };
        struct mock m = { .rules = argv + 1 };
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        sigset_t set;
        (void)argc;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGUSR1, on_signal, &m);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                "org.freedesktop.PolicyKit1.Authority", vtable, &m);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, 0);
        if (r >= 0)
                r = sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0);
        if (r >= 0 && puts("ready") >= 0 && fflush(stdout) == 0)
                r = sd_event_loop(event);
        sd_bus_flush_close_unref(bus);
        sd_event_unref(event);
        return r < 0;
}
