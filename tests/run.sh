#!/usr/bin/env bash
# The test command: installs what is missing, then runs every test. Arguments are passed on to cargo test:
#   tests/run.sh                               everything
#   tests/run.sh --test suite -- page          what has "page" in its name, from tests/
#   TINYP2P_NO_BROWSER=1 tests/run.sh          everything but the browser
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests/install.sh
exec cargo test --workspace "$@"
