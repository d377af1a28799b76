#!/usr/bin/env bash
# Generates the Go code of every .proto file.
#
#   tools/protobuf.sh            into the tree
#   tools/protobuf.sh --check    into a temporary folder; fails, with the difference, if the tree's differs
set -euo pipefail
cd "$(dirname "$0")/.."

protos=$(find . -name '*.proto' -not -path './.*' | sed 's|^\./||' | sort)

generate() {
  # The import path is the root, so that each file is registered under a name that no other module has.
  # shellcheck disable=SC2086 # a list of names
  protoc -I . --plugin=protoc-gen-go="$PWD/.tools/bin/protoc-gen-go" \
    --go_out="$1" --go_opt=paths=source_relative $protos
}

if [[ ${1:-} != --check ]]; then
  generate .
  exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate "$fresh"
stale=""
for proto in $protos; do
  generated=${proto%.proto}.pb.go
  # protoc writes its own version into a comment; the code does not depend on it.
  diff -u -I $'^// \tprotoc  *v' "$generated" "$fresh/$generated" || stale+=" $generated"
done
if [[ -n $stale ]]; then
  echo "not what the .proto files generate:$stale; run 'make fix'" >&2
  exit 1
fi
