#!/usr/bin/env bash
# Installs the programs beside which `cargo bench --bench against-others` measures, at the versions it was measured with, into a
# folder of the build: copyparty and magic-wormhole with its two servers from PyPI; dufs, miniserve and sendme from crates.io
# (compiled with Rust 1.91 or newer; ten minutes of two cores, most of it sendme). Syncthing, netcat and wrk are Debian's.
# What cannot be had is named at the end: without netcat, wrk, curl or tar it fails, all else is left out of the measurements.
set -euo pipefail

folder=${CARGO_TARGET_DIR:-target}/bench-others
[[ -x $folder/bin/python ]] || python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check copyparty==1.20.26 magic-wormhole==0.24.0 \
  magic-wormhole-mailbox-server==0.8.0 magic-wormhole-transit-relay==0.5.0

left_out=()
# from_crates NAME VERSION [JOBS]: without TLS and clipboards, which nothing here uses; quick where it is there already.
from_crates() {
  # A folder of its own for what is compiled on the way, so that none of it looks like ours.
  nice cargo install --quiet --locked --root "$folder" --no-default-features --jobs "${3:-2}" \
    --target-dir "$folder/build" "$1@$2" || left_out+=("$1: cargo install $1@$2 failed")
}
from_crates dufs 0.47.0
from_crates miniserve 0.35.0
# It has crates that take a gigabyte of memory each.
from_crates sendme 0.37.1 1
rm -rf "$folder/build"

command -v syncthing >/dev/null || left_out+=("syncthing: on Debian: apt-get install syncthing")
command -v unshare >/dev/null && unshare --map-root-user --net ip link set lo up 2>/dev/null ||
  left_out+=("sendme: it runs in a network of its own, and none is to be had here (unshare, ip)")
left_out+=("croc: it comes through Go's module proxy alone, which could not be reached; there is no contest for it yet")
for line in "${left_out[@]}"; do
  echo "tests/bench/others.sh: LEFT OUT: $line" >&2
done

missing=
for command in nc wrk curl tar; do
  command -v "$command" >/dev/null || missing+=" $command"
done
if [[ -n $missing ]]; then
  echo "tests/bench/others.sh: still missing:$missing; on Debian: apt-get install netcat-openbsd wrk curl tar" >&2
  exit 1
fi
