/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the daemon's side of a shared region: the region, the daemon's loop over it, and the agent
 * that the test plays, well-behaved or not. */
#pragma once

#include "backoff.h"
#include "ring.h"
#include "talk.h"

struct stage {
        sd_event *event;
        struct poller *poller;
        struct region_loop *loop;
        struct talk *talk;
        uint8_t *region;
        struct mpart_shared_header *header;
        struct ring console_up, console_down, control_up, control_down;
        unsigned changes;
};

int stage_setup(void **state); /* of kernel 3; no agent yet */
int stage_teardown(void **state);
void stage_attach(struct stage *s, struct ring *r, enum mpart_shared_ring which, enum ring_side side);
void stage_read_text(int fd, const char *wanted); /* that many bytes, however they come */

void agent_starts(struct stage *s);
void agent_says(struct stage *s, enum mpart_agent_state state);
void wait_state(struct stage *s, enum talk_state wanted);
/* The next record for the agent; its bytes stand in `bytes`. */
uint32_t agent_hears(struct stage *s, struct mpart_control *c, uint8_t *bytes, size_t room, size_t *ret_n);
void agent_sends(struct stage *s, uint32_t type, uint32_t job, uint32_t value, const char *text);
