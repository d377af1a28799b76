#!/usr/bin/env bash
# Measures SET against the leader of three kv processes on this machine, with redis-benchmark: requests a second, and
# what the leader's log did for them. Figures depend on the disk; compare only runs on the same machine.
# usage: bench.sh [requests]
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
command -v redis-benchmark >/dev/null || fail "redis-benchmark is not installed (package redis-tools)"
requests=${1:-100000}

build
choose_ports
for id in 1 2 3; do start_node "$id"; done
for id in 1 2 3; do until_true is_ready "$id"; done
until_true find_leader

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", b ? a / b : 0 }'; }

printf '%-14s %12s %10s %10s %14s %14s\n' clients requests/s 'p50 ms' 'p99 ms' 'syncs/write' 'writes/batch'
for load in "-c 1" "-c 64" "-c 256" "-c 64 -P 16"; do
  term=$(info "$leader" term)
  syncs=$(info "$leader" log_syncs) batches=$(info "$leader" log_batches) entries=$(info "$leader" entries_appended)
  # shellcheck disable=SC2086 # load is several words
  redis-benchmark -h 127.0.0.1 -p "${client_port[$leader]}" -t set -n "$requests" $load --csv \
    >"$work/csv" 2>"$work/err" || { cat "$work/csv" "$work/err" >&2; fail "redis-benchmark $load"; }
  grep -q '^"SET"' "$work/csv" || { cat "$work/csv" "$work/err" >&2; fail "redis-benchmark $load gave no result"; }
  syncs=$(($(info "$leader" log_syncs) - syncs))
  batches=$(($(info "$leader" log_batches) - batches))
  entries=$(($(info "$leader" entries_appended) - entries))
  [[ $(info "$leader" term) == "$term" ]] || fail "the leader changed during $load"
  IFS=, read -r _ rate _ _ p50 _ p99 _ < <(tr -d '"' <"$work/csv" | grep '^SET')
  printf '%-14s %12s %10s %10s %14s %14s\n' "$load" "$rate" "$p50" "$p99" \
    "$(ratio "$syncs" "$entries")" "$(ratio "$entries" "$batches")"
done
