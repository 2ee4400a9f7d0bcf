#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a plan of an 8-node, 64-CPU machine takes, beside hwloc's reading of the very same tree.
#   bench/plan.sh [MPARTCTL] [RUNS]
# Prints both medians, both minima and the ratio of the minima, which other load on the machine disturbs least; ends
# with 1 where the plan takes more than a third of hwloc's time.
set -euo pipefail
cd "$(dirname "$0")/.."
mpartctl=${1-build/src/cli/mpartctl}
runs=${2-30}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/machine

tests/tools/synthetic-root.py --nodes 8 --cpus 64 --threads 2 --node-memory 16G "$root"

# Both must have seen the machine whole, or the numbers mean nothing.
nodes=$(lstopo-no-graphics --if fsroot --input "$root" --of console --only numanode | grep -c NUMANode)
cpus=$(lstopo-no-graphics --if fsroot --input "$root" --of console --only pu | grep -c PU)
kernels=$("$mpartctl" plan --json --root "$root" 2>/dev/null | jq '.kernels | length')
if [ "$nodes" -ne 8 ] || [ "$cpus" -ne 64 ] || [ "$kernels" -ne 8 ]; then
    echo "bench/plan.sh: the machine was misread: lstopo saw $nodes nodes and $cpus CPUs, the plan has $kernels kernels" >&2
    exit 1
fi

hyperfine --shell none --style none --warmup 3 --runs "$runs" --export-json "$scratch/times.json" \
    --command-name "mpartctl plan" "$mpartctl plan --json --root $root" \
    --command-name "lstopo" "lstopo-no-graphics --if fsroot --input $root --of console" >/dev/null 2>&1

jq -r 'def ms: . * 1e5 | round / 100;
       (.results[] | "\(.command): median \(.median | ms) ms, minimum \(.min | ms) ms"),
       "ratio: \(.results[0].min / .results[1].min * 100 | round / 100)"' "$scratch/times.json"
jq -e '.results | .[0].min * 3 <= .[1].min' "$scratch/times.json" >/dev/null
