#!/usr/bin/env bash
# Installs what the tests need and this machine lacks. Quick and silent where everything is there.
#
# Chromium must be there, or browser tests fail; so it fails in words where it cannot be had. The clients in other
# languages are welcome: without one, its test says that it was left out. It installs no Rust: see the README.
set -euo pipefail

packages=()
must_have=()

# want PACKAGE COMMAND…: the package is missing if the command fails.
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
has() { command -v "$1"; }

if [[ -z ${TINYP2P_NO_BROWSER:-} || ${TINYP2P_NO_BROWSER} == 0 ]]; then
  has chromium >/dev/null || has chromium-browser >/dev/null || has google-chrome >/dev/null || must_have+=(chromium)
  has chromedriver >/dev/null || must_have+=(chromium-driver)
fi
want curl has curl
want python3 has python3
want perl has perl
want librpc-xml-perl perl -MRPC::XML::Client -e 1
want ruby has ruby
want ruby-xmlrpc ruby -r xmlrpc/client -e 1
want php-cli has php
want php-xmlrpc php -r 'exit(function_exists("xmlrpc_encode_request") ? 0 : 1);'
want libxmlrpc-core-c3-dev has xmlrpc
want iproute2 has ip
want strace has strace
want unzip has unzip
want libarchive-tools has bsdtar

# axe-core, which says whom a page keeps out: one script, from the Python package that carries it. It is checked, and never
# becomes part of the project.
axe=${CARGO_TARGET_DIR:-target}/axe-core/axe.min.js
has_axe() { sha256sum --check --status <<<"84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc  $axe"; }
fetch_axe() {
  local folder status=0
  folder=$(mktemp -d)
  mkdir -p "$(dirname "$axe")"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" axe-playwright-python==0.1.8 >&2 &&
    python3 -m zipfile --extract "$folder"/*.whl "$folder" &&
    mv "$folder/axe_playwright_python/axe.min.js" "$axe" || status=1
  rm -rf "$folder"
  [[ $status == 0 ]] && has_axe
}
needs_axe() { [[ -z ${TINYP2P_NO_BROWSER:-} || ${TINYP2P_NO_BROWSER} == 0 ]] && ! has_axe 2>/dev/null; }
if needs_axe; then
  want python3-pip python3 -m pip --version
fi

if [[ ${#packages[@]} -eq 0 && ${#must_have[@]} -eq 0 ]] && ! needs_axe; then
  exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
  as_root=(sudo)
fi
install() {
  # Not every package is in every release: one that is missing must not keep the others away.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends "$@" >&2
}

if ! has apt-get >/dev/null || { [[ ${#as_root[@]} -gt 0 ]] && ! has sudo >/dev/null; }; then
  echo "tests/install.sh: cannot install packages here (that needs apt-get, and root or sudo)." >&2
  can_install=no
else
  can_install=yes
  if [[ ${#packages[@]} -gt 0 || ${#must_have[@]} -gt 0 ]]; then
    echo "tests/install.sh: installing ${must_have[*]:-} ${packages[*]:-}" >&2
    "${as_root[@]}" apt-get update >&2 || echo "tests/install.sh: apt-get update failed; trying with what is known." >&2
  fi
fi

if [[ ${#must_have[@]} -gt 0 ]] && ! { [[ $can_install == yes ]] && install "${must_have[@]}"; }; then
  echo "tests/install.sh: the browser tests need ${must_have[*]} (Debian's names), which cannot be installed here." >&2
  echo "Install Chromium and chromedriver yourself, or set TINYP2P_NO_BROWSER=1 to leave these tests out." >&2
  exit 1
fi
if [[ $can_install == yes && ${#packages[@]} -gt 0 ]]; then
  # All at once is much quicker; one by one finds the one that does not exist.
  install "${packages[@]}" || for package in "${packages[@]}"; do
    install "$package" || echo "tests/install.sh: no package $package here; its tests will be left out." >&2
  done
elif [[ ${#packages[@]} -gt 0 ]]; then
  echo "tests/install.sh: without ${packages[*]} some tests will be left out." >&2
fi

if needs_axe && ! fetch_axe; then
  echo "tests/install.sh: axe-core cannot be fetched here (Python's pip does it); what it looks at will be left out." >&2
fi
