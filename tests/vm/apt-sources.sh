#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Print the Debian 12 sources of this host as one-line entries; sources of other makers are left out.
# With an argument, print that suite of the main archive instead, e.g. bookworm-backports.
set -eu

targets=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
    sort -u)

if [ $# -gt 0 ]; then
    echo "$targets" | awk -v suite="$1" '$1 == "bookworm" && $3 == "main" { print "deb", $2, suite, $3; exit }'
else
    echo "$targets" | awk '$1 ~ /^bookworm(-updates|-security)?$/ && $3 == "main" { print "deb", $2, $1, $3 }'
fi
