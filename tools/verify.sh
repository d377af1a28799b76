#!/usr/bin/env bash
# Checks the tree and writes nothing into it. Every check runs, so that one run tells everything.
#
#   tools/verify.sh MODULE...
set -euo pipefail
cd "$(dirname "$0")/.."

lint=$PWD/.tools/bin/golangci-lint
config=$PWD/.golangci.yml
failed=()

check() {
  local name=$1 started=$SECONDS
  shift
  if "$@"; then
    echo "ok    $name ($((SECONDS - started)) s)"
  else
    echo "FAIL  $name"
    failed+=("$name")
  fi
}

in_module() (
  cd "$1" && shift && "$@"
)

check "format" "$lint" fmt --diff --config "$config"
for module in "$@"; do
  check "lint of $module" in_module "$module" "$lint" run --config "$config" # vet is one of the linters
done
for module in "$@"; do
  check "go.mod of $module" in_module "$module" go mod tidy -diff
done
check "generated code" tools/protobuf.sh --check
check "rules and documents" go test -count=1 .

if [[ ${#failed[@]} != 0 ]]; then
  echo "verify: ${#failed[@]} of the checks failed; 'make fix' mends what a machine can" >&2
  exit 1
fi
