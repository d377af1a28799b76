# shellcheck shell=bash
# Functions for scripts that play with three kv processes on this machine. Source it from bash; it makes a directory
# for everything, and removes it and the processes when the script ends, however it ends.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/kv.XXXXXX")
declare -A pid peer_port client_port

cleanup() {
  status=$?
  trap - EXIT INT TERM
  # The jobs and not the list of pids: a signal may come between the start of a process and its entry in the list.
  # shellcheck disable=SC2046 # one word for each process
  kill -KILL $(jobs -p) 2>/dev/null || true
  wait 2>/dev/null
  if ((status == 1)) && compgen -G "$work/*.log" >/dev/null; then
    echo "--- the last words of each node:" >&2
    tail -n 5 "$work"/*.log >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

build() { (cd "$here" && go build -o "$work/kv" .) || fail "go build"; }

# free_port prints a port on which nobody listens. It is below the range that the kernel takes ports for outgoing
# connections from, so that none of those takes it later, and below that of the tests, which know of their own only.
free_port() {
  local port
  for _ in {1..200}; do
    port=$((14000 + RANDOM % 6000))
    [[ " ${peer_port[*]-} ${client_port[*]-} " == *" $port "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  fail "no free port"
}

choose_ports() {
  local id
  for id in 1 2 3; do
    peer_port[$id]=$(free_port)
    client_port[$id]=$(free_port)
  done
}

# start_node starts node $1 on its directory: a new one the first time, the same one afterwards.
start_node() {
  local id=$1
  "$work/kv" --node-id "$id" --data-dir "$work/node$id" \
    --peer-addr "127.0.0.1:${peer_port[$id]}" --client-addr "127.0.0.1:${client_port[$id]}" \
    --peer "1=127.0.0.1:${peer_port[1]}" --peer "2=127.0.0.1:${peer_port[2]}" --peer "3=127.0.0.1:${peer_port[3]}" \
    >"$work/node$id.out" 2>>"$work/node$id.log" &
  pid[$id]=$!
}

# stop_node sends node $1 the signal $2 and waits until it is gone.
stop_node() {
  local id=$1
  kill "-$2" "${pid[$id]}" 2>/dev/null || true
  wait "${pid[$id]}" 2>/dev/null || true
  unset "pid[$id]"
}

# until_true tries "$@" until it succeeds.
until_true() {
  local deadline=$((SECONDS + 20))
  until "$@"; do
    ((SECONDS < deadline)) || fail "waited 20 s in vain for: $*"
    read -rt 0.05 <> <(:) || true # a short breath without a process
  done
}

is_ready() { grep -q '^ready' "$work/node$1.out" 2>/dev/null || { kill -0 "${pid[$1]}" 2>/dev/null || fail "node $1 ended"; false; }; }

# ask sends port $1 the command in the other words and prints the reply, bare: no quotes, an error as its text.
ask() {
  local port=$1
  shift
  case $tool in
    redis-cli) redis-cli -h 127.0.0.1 -p "$port" --raw "$@" 2>/dev/null || true ;;
    nc) printf '%s\r\nQUIT\r\n' "$*" | nc -N 127.0.0.1 "$port" 2>/dev/null | bare || true ;;
    bash)
      { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 0
      printf '%s\r\nQUIT\r\n' "$*" >&3
      bare <&3 2>/dev/null || true
      exec 3>&-
      ;;
  esac
}

# bare strips what the protocol puts around replies, and the answer to QUIT at the end.
bare() { tr -d '\r' | sed -e '$d' -e '/^[$*]/d' -e 's/^[-+:]//'; }

# tool is what ask talks with; KV_CLIENT chooses one.
tool=${KV_CLIENT-}
if [[ -z $tool ]]; then
  tool=bash
  command -v nc >/dev/null && nc -h 2>&1 | grep -q -- '-N' && tool=nc
  command -v redis-cli >/dev/null && tool=redis-cli
fi

# info prints one value of INFO of node $1.
info() { ask "${client_port[$1]}" INFO | tr -d '\r' | sed -n "s/^$2://p"; }

# find_leader sets leader to the running node that says it leads and that has announced itself to clients.
find_leader() {
  local id
  for id in 1 2 3; do
    [[ ${pid[$id]-} ]] || continue
    if [[ $(info "$id" role) == leader && $(info "$id" leader_client_address) != "" ]]; then
      leader=$id
      return 0
    fi
  done
  return 1
}

# caught_up tells whether node $1 has applied all that the leader has committed.
caught_up() {
  local commit applied
  commit=$(info "$leader" commit)
  applied=$(info "$1" applied)
  [[ -n $commit && -n $applied ]] && ((applied >= commit))
}
