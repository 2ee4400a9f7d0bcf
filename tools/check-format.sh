#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every C file is as .clang-format says.
set -eu
cd "$(dirname "$0")/.."
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
