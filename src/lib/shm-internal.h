/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shm.h below a root directory: proc/cmdline, proc/iomem, dev/mem and the daemon's plan. Internal. */
#pragma once

#include "shm.h"

int shm_open_below(int root, unsigned kernel, struct mpart_shm *ret, struct mpart_error *e);
