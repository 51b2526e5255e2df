#!/usr/bin/env bash
# Tell a job's state: status.sh ID. Prints running, success or failed. Written for Grid Engine.
set -uo pipefail
if qstat -j "$1" >/dev/null 2>&1; then
    echo running
elif qacct -j "$1" 2>/dev/null | grep -Eq '^(exit_status|failed) +[1-9]'; then
    echo failed
else
    echo success
fi
