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
cargo package --package shared --package native-node "$@"
for file in index.html style.css boot.js icon.svg web_client.js web_client_bg.wasm; do
  cargo package --package native-node --list --allow-dirty | grep -qx "prebuilt-page/$file" ||
    { echo "tests/package.sh: the package lacks prebuilt-page/$file" >&2; exit 1; }
done
echo "== packaged: both crates build without the other folders"
