#!/usr/bin/env bash
# Mends what tools/verify.sh finds, where a machine can: generated code, format, modules, what linters rewrite.
#
#   tools/fix.sh MODULE...
set -euo pipefail
cd "$(dirname "$0")/.."

lint=$PWD/.tools/bin/golangci-lint
config=$PWD/.golangci.yml

tools/protobuf.sh
for module in "$@"; do
  (
    cd "$module"
    "$lint" run --fix --config "$config" || true # what is left needs a person; verify tells it
    go mod tidy
  )
done
"$lint" fmt --config "$config"
