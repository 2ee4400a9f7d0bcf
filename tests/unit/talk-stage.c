/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "macros.h"
#include "region.h"
#include "talk-stage.h"

#define SIZE MPART_REGION_SIZE_MIN

static void on_changed(void *userdata)
{
        struct stage *s = userdata;
        s->changes++;
}

void stage_attach(struct stage *s, struct ring *r, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        ring_attach(r, s->region + p.control, s->region + p.data, p.size, side);
}

void agent_says(struct stage *s, enum mpart_agent_state state)
{
        atomic_store(&s->header->agent_state, state);
        atomic_fetch_add(&s->header->agent_heartbeat, 1);
}

void agent_starts(struct stage *s)
{
        stage_attach(s, &s->console_up, MPART_RING_CONSOLE_UP, RING_PRODUCER);
        stage_attach(s, &s->console_down, MPART_RING_CONSOLE_DOWN, RING_CONSUMER);
        stage_attach(s, &s->control_up, MPART_RING_CONTROL_UP, RING_PRODUCER);
        stage_attach(s, &s->control_down, MPART_RING_CONTROL_DOWN, RING_CONSUMER);
        atomic_fetch_add(&s->header->agent_start, 7);
        atomic_store(&s->header->agent_generation, s->header->generation);
        agent_says(s, MPART_AGENT_READY);
}

int stage_setup(void **state)
{
        struct stage *s = calloc(1, sizeof(*s));
        s->region = aligned_alloc(4096, SIZE);
        s->header = (void *)s->region;
        memset(s->region, 0xff, SIZE); /* a predecessor's */
        region_fill(s->region, SIZE, 3, 42, NULL);
        if (poller_new("looks", REGION_REST_NS, false, &s->poller) < 0 ||
                        region_loop_new(s->poller, &s->loop) < 0)
                return -1;
        if (sd_event_new(&s->event) < 0 || talk_new(s->event, s->loop, 3, NULL, on_changed, s, &s->talk) < 0)
                return -1;
        *state = s;
        return talk_start(s->talk, s->region, 1000000, NULL);
}

int stage_teardown(void **state)
{
        struct stage *s = *state;
        talk_free(s->talk);
        region_loop_free(s->loop);
        poller_free(s->poller);
        sd_event_unref(s->event);
        free(s->region);
        free(s);
        return 0;
}

void wait_state(struct stage *s, enum talk_state wanted)
{
        for (int i = 0; i < 5000 && talk_state(s->talk) != wanted; i++)
                usleep(2000);
        assert_string_equal(talk_state_to_string(talk_state(s->talk)), talk_state_to_string(wanted));
}

/* The next record for the agent; its bytes stand in `bytes`. */
uint32_t agent_hears(struct stage *s, struct mpart_control *c, uint8_t *bytes, size_t room, size_t *ret_n)
{
        uint8_t record[0x10000];
        uint32_t type, size;
        for (int i = 0; i < 5000; i++) {
                if (ring_get(&s->control_down, record, sizeof(record), &type, &size) != 1) {
                        usleep(1000);
                        continue;
                }
                memcpy(c, record, sizeof(*c));
                *ret_n = size - sizeof(*c);
                memcpy(bytes, record + sizeof(*c), MIN(*ret_n, room));
                return type;
        }
        fail_msg("nothing came");
        return 0;
}

void agent_sends(struct stage *s, uint32_t type, uint32_t job, uint32_t value, const char *text)
{
        struct mpart_control c = { job, value };
        const struct iovec parts[] = { { &c, sizeof(c) }, { (char *)text, strlen(text) } };
        while (ring_putv(&s->control_up, type, parts, 2) == -EAGAIN)
                usleep(1000);
}

void stage_read_text(int fd, const char *wanted)
{
        char text[1000] = "";
        size_t n = 0, want = strlen(wanted);
        assert_true(want < sizeof(text));
        while (n < want) {
                ssize_t got = read(fd, text + n, want - n);
                assert_true(got > 0);
                n += (size_t)got;
        }
        assert_string_equal(text, wanted);
}
