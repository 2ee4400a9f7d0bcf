#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Print the Debian 12 sources of this host as one-line entries; sources of other makers are left out.
# With an argument, print that suite of the main archive instead, e.g. bookworm-backports.
set -eu

format='deb $(REPO_URI) $(RELEASE) $(COMPONENT)'
all=$(apt-get indextargets --no-release-info --format "$format" 'Created-By: Packages' | sort -u)

if [ $# -gt 0 ]; then
    echo "$all" | awk -v suite="$1" '$3 == "bookworm" && $4 == "main" { $3 = suite; print; exit }'
else
    echo "$all" | awk '$3 ~ /^bookworm(-updates|-security)?$/ && $4 == "main"'
fi
