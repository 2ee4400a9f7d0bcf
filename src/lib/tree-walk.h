/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory tree, member by member as an archive of it would be. */
#pragma once

#include "archive-file.h"

/* Calls walk->member for everything below the directory `fd`, each directory before what is in it, names
 * sorted: owners, modes, times, devices and hard links as they are. What is mounted in it is left out, and
 * sockets are. `name` is for the text. Else as archive_walk. */
int tree_walk(int fd, const char *name, const struct archive_walk *walk, struct mpart_error *e);
