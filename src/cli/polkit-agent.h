/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkttyagent(1) of polkit: asks for passwords on the terminal while a call of ours waits for polkit. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* True: it is there to be asked, until polkit_agent_stop. False: no terminal, or no such program. */
bool polkit_agent_start(pid_t *ret);
void polkit_agent_stop(pid_t agent);
