#!/usr/bin/env bash
# Packages the crates as for a registry, and builds the packaged node without the folders of this workspace.
#
# A package carries a finished page in native-node/prebuilt-page, which this fills first. Arguments go to cargo package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "== the page"
built=$(cargo build --package native-node --lib --message-format=json)
# One line of JSON for each build script; ours names the folder it wrote to.
out=$(sed -nE '/"reason":"build-script-executed"/{/native-node/s/.*"out_dir":"([^"]*)".*/\1/p}' <<<"$built" | tail -n 1)
[[ -f $out/page/web_client_bg.wasm ]] || { echo "tests/package.sh: the build left no page behind" >&2; exit 1; }
rm -rf native-node/prebuilt-page
cp -R "$out/page" native-node/prebuilt-page

echo "== the packages, built by cargo from nothing but themselves"
[[ -z $(git status --porcelain 2>/dev/null) ]] || echo "tests/package.sh: not all is committed; do not publish this." >&2
# The page is not committed, and cargo would call that dirty.
cargo package --package shared --package native-node --allow-dirty "$@"
echo "== packaged: both crates build without the other folders"
