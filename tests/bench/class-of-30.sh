#!/usr/bin/env bash
# A class of 30 fetches one file from one laptop: how long all of them take beside one alone, and what the laptop sends.
#   tests/bench/class-of-30.sh [RECEIVERS=30] [MIB=64] [MBIT=100]
# Each is a network namespace of its own with so many Mbit/s each way, at one switch; no root is needed where the system allows
# namespaces to everybody. The mark: all done in at most three times the time of one. It takes target/release/tinyp2p, or
# what TINYP2P says. All share this machine's cores, which a class does not: the load is printed, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

receivers=${1:-30} mib=${2:-64} mbit=${3:-100}
program=$(realpath "${TINYP2P:-target/release/tinyp2p}")
if [[ ${CLASS_INSIDE:-} != 1 ]]; then
  [[ -x $program ]] || { echo "build it first: cargo build --release --workspace" >&2; exit 1; }
  # The namespaces and all that runs in them end with this.
  CLASS_INSIDE=1 exec unshare --map-root-user --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

mount -t tmpfs tmpfs /run
mkdir -p /run/netns
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TINYP2P_PASSWORD='a class of thirty'

ip link add switch type bridge
ip link set switch up
# A machine at the switch; what it sends, and what it is sent, is limited.
machine() {
  ip netns add "$1"
  ip link add "v$1" type veth peer name eth0 netns "$1"
  ip link set "v$1" master switch up
  ip -n "$1" addr add "10.77.0.$2/24" dev eth0
  ip -n "$1" link set eth0 up
  ip -n "$1" link set lo up
  ip netns exec "$1" tc qdisc add dev eth0 root tbf rate "${mbit}mbit" burst 128kb latency 100ms
  tc qdisc add dev "v$1" root tbf rate "${mbit}mbit" burst 128kb latency 100ms
}
sent() { ip -n s -s -j link show eth0 | grep -o '"tx":{"bytes":[0-9]*' | grep -o '[0-9]*$'; }
now() { date +%s.%N; }

machine s 1
for ((n = 1; n <= receivers; n++)); do machine "r$n" $((n + 1)); done
mkdir "$folder/share"
head -c $((mib << 20)) /dev/urandom >"$folder/share/big.bin"
ip netns exec s env TINYP2P_STATE="$folder/state" "$program" serve --bind 10.77.0.1 --port 9004 --json "$folder/share" \
  >"$folder/serve.json" 2>"$folder/serve.log" &
until ip netns exec s env TINYP2P_STATE="$folder/state-ls" "$program" ls --json http://10.77.0.1:9004 2>/dev/null | grep -q '"id":"'; do
  sleep 0.5
done

# All of these receivers at once; what the laptop sent meanwhile, in MiB, and how long the last took.
fetch() {
  local before begun pids=() failed=0 n
  before=$(sent) begun=$(now)
  for ((n = 1; n <= $1; n++)); do
    rm -rf "$folder/r$n"
    ip netns exec "r$n" env TINYP2P_STATE="$folder/state-r$n" "$program" get --json ${2:-} http://10.77.0.1:9004 --to "$folder/r$n" \
      >"$folder/r$n.json" 2>"$folder/r$n.log" &
    pids+=($!)
  done
  for n in "${pids[@]}"; do wait "$n" || failed=$((failed + 1)); done
  took=$(echo "$(now) - $begun" | bc)
  out=$(echo "scale=1; ($(sent) - $before) / 1048576" | bc)
  for ((n = 1; n <= $1; n++)); do cmp -s "$folder/share/big.bin" "$folder/r$n/big.bin" || failed=$((failed + 1)); done
  [[ $failed == 0 ]] || { echo "$failed receivers failed" >&2; tail -n 3 "$folder"/r*.log >&2; exit 1; }
}

fetch 1
one=$took one_out=$out
fetch "$receivers"
printf '%s MiB at %s Mbit/s each way, %s cores (load %s)\n' "$mib" "$mbit" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
printf 'one receiver:  %.2f s, the sender sent %s MiB\n' "$one" "$one_out"
printf '%s receivers: %.2f s, the sender sent %s MiB\n' "$receivers" "$took" "$out"
printf 'ratio of times: %.2f (mark: 3); of bytes sent: %.2f\n' "$(echo "scale=3; $took / $one" | bc)" "$(echo "scale=3; $out / $mib" | bc)"
