#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# clang-tidy, with the settings of .clang-tidy, over the product's C files. Argument: the build directory.
set -eu
cd "$(dirname "$0")/.."
git ls-files 'src/*.c' | xargs -P "$(nproc)" -n 6 clang-tidy --quiet -p "$1"
