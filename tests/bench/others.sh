#!/usr/bin/env bash
# Installs the programs beside which `cargo bench --bench against-others` measures: copyparty and magic-wormhole with its two
# servers, from PyPI, into a folder of the build; netcat and wrk are Debian's (netcat-openbsd, wrk).
set -euo pipefail

folder=${CARGO_TARGET_DIR:-target}/bench-others
[[ -x $folder/bin/python ]] || python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check copyparty==1.20.26 magic-wormhole==0.24.0 \
  magic-wormhole-mailbox-server==0.8.0 magic-wormhole-transit-relay==0.5.0
for command in nc wrk curl tar; do
  command -v "$command" >/dev/null || missing+=" $command"
done
if [[ -n ${missing:-} ]]; then
  echo "tests/bench/others.sh: still missing:$missing; on Debian: apt-get install netcat-openbsd wrk curl tar" >&2
  exit 1
fi
