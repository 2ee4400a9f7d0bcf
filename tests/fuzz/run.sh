#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One fuzz target: replays its corpus, then looks for new inputs for SECONDS. What fails stays in the working directory.
#   run.sh TARGET CORPUS SECONDS
set -eu
target=$1 corpus=$2 seconds=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
"$target" -runs=0 -max_len=65536 "$corpus"
[ "$seconds" -eq 0 ] || "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
    -artifact_prefix="$(basename "$target")-" "$scratch" "$corpus"
