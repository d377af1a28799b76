#!/usr/bin/env bash
# A replicated key-value store survives kill -9 of its leader. Three processes, real disk, real network.
# Needs bash and go; talks with redis-cli or nc where they exist.
source "$(dirname "${BASH_SOURCE[0]}")/kv/cluster.sh"

echo "1. Building the server, and starting three nodes on empty directories."
build
choose_ports
for id in 1 2 3; do start_node "$id"; done
for id in 1 2 3; do
  until_true is_ready "$id"
  echo "   node $id: $(cat "$work/node$id.out")"
done

echo "2. Asking each of them who leads (with $tool)."
until_true find_leader
term=$(info "$leader" term)
echo "   node $leader leads in term $term."

echo "3. Writing to the leader, and reading back."
[[ $(ask "${client_port[$leader]}" SET greeting hello) == OK ]] || fail "SET"
[[ $(ask "${client_port[$leader]}" GET greeting) == hello ]] || fail "GET"
follower=$((leader % 3 + 1))
until_true eval '[[ $(ask "${client_port[$follower]}" GET greeting) == MOVED* ]]'
echo "   GET greeting -> hello; node $follower, a follower, says: $(ask "${client_port[$follower]}" GET greeting)"

echo "4. A client writes key after key, notes each one that is acknowledged, and goes where it is sent."
write_keys() {
  local i=0 port=${client_port[$leader]} reply
  trap 'exit 0' TERM
  trap - EXIT INT
  while ((++i)); do
    reply=$(ask "$port" SET "key$i" "value$i")
    case $reply in
      OK) echo "$i" >>"$work/acknowledged" ;;
      MOVED*) port=${reply##*:} ;;
      *) port=${client_port[$((RANDOM % 3 + 1))]} ;;
    esac
  done
}
acknowledged() { wc -l <"$work/acknowledged"; }
at_least() { (($(acknowledged) >= $1)); }
: >"$work/acknowledged"
write_keys &
pid[writer]=$!
until_true at_least 100

echo "5. Killing the leader, node $leader, with SIGKILL in the middle of it."
victim=$leader
stop_node "$victim" KILL
before=$(acknowledged)
until_true find_leader
echo "   $before keys were acknowledged; node $leader took over in term $(info "$leader" term)."
[[ $leader != "$victim" ]] || fail "the dead node leads"
until_true at_least $((before + 100))
echo "   Two nodes are a majority: the client goes on, $(acknowledged) acknowledged by now."

echo "6. Starting node $victim again on its directory."
start_node "$victim"
until_true is_ready "$victim"
stop_node writer TERM
until_true caught_up "$victim"
echo "   It has applied everything up to $(info "$victim" applied), as has the leader."

echo "7. Is anything missing that was acknowledged?"
total=$(acknowledged)
[[ $(ask "${client_port[$leader]}" GET greeting) == hello ]] || fail "greeting is lost"
while read -r i; do
  [[ $(ask "${client_port[$leader]}" GET "key$i") == "value$i" ]] || fail "key$i was acknowledged and is lost"
done <"$work/acknowledged"
echo "   No: all $total keys are there."

echo "8. Stopping the nodes."
for id in 1 2 3; do
  kill -TERM "${pid[$id]}"
  wait "${pid[$id]}" || fail "node $id did not stop cleanly"
  unset "pid[$id]"
done
echo "Done."
