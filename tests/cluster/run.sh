#!/usr/bin/env bash
# Run the tests that need a scheduler on a real SLURM on this machine; say so loudly when there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null || [[ $EUID -ne 0 ]]; then
    cat >&2 <<'TEXT'
################################################################################
# THE CLUSTER TESTS DID NOT RUN: SLURM is not installed here, or this is not   #
# root. On Debian: apt-get install --no-install-recommends slurm-wlm munge     #
################################################################################
TEXT
    exit 0
fi
folder=$(mktemp -d)
trap 'tests/cluster/start_slurm.sh stop; rm -rf "$folder"' EXIT
tests/cluster/start_slurm.sh "$folder"
pytest tests/cluster
