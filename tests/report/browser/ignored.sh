#!/usr/bin/env bash
# Print the flag with which pytest leaves the tests of the report in a browser out, and say so loudly, where there is
# no Chromium; fail where there must be one. Print nothing where there is one.
set -euo pipefail

if ! command -v chromium >/dev/null; then
    cat >&2 <<'TEXT'
################################################################################
# THE TESTS OF THE REPORT IN A BROWSER DO NOT RUN: there is no chromium here.  #
# On Debian: apt-get install --no-install-recommends chromium                  #
################################################################################
TEXT
    [[ -z "${CI:-}" ]]
    echo --ignore=tests/report/browser
fi
