/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a file goes into a capture. Each filter writes the lines and words that planning reads to `to`. */
#pragma once

#include <stdio.h>

void capture_all(const char *text, FILE *to);
void capture_iomem(const char *text, FILE *to);
void capture_cpuinfo(const char *text, FILE *to);
void capture_cmdline(const char *text, FILE *to);
void capture_zoneinfo(const char *text, FILE *to);
void capture_meminfo(const char *text, FILE *to);
void capture_serial(const char *text, FILE *to);
void capture_modalias(const char *text, FILE *to);
void capture_uevent(const char *text, FILE *to);
void capture_proc_pci(const char *text, FILE *to);
