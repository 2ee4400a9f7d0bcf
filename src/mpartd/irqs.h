/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt affinities of the primary. Taking CPUs offline moves their interrupts elsewhere and narrows
 * affinities for good; once no kernel holds a CPU any more, they are put back as they were. */
#pragma once

/* Writes all affinities to DIRECTORY/irqs.json, unless that is there already: it tells how things were
 * before the first kernel. 0 or a negative errno. */
int irqs_save(int root, const char *directory);
/* Puts back those that differ, and removes the file. What the primary refuses (an interrupt that is gone or
 * cannot be moved) is left. */
void irqs_restore(int root, const char *directory);
