#!/usr/bin/env bash
# Run the tests that open the report in Chromium; say so loudly when there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v chromium >/dev/null; then
    cat >&2 <<'TEXT'
################################################################################
# THE TESTS OF THE REPORT IN A BROWSER DID NOT RUN: there is no chromium here. #
# On Debian: apt-get install --no-install-recommends chromium                  #
################################################################################
TEXT
    exit 0
fi
pytest tests/browser
