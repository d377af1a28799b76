#!/usr/bin/env bash
# Runs each fuzz target of every module in turn. A failing input is kept in the package's testdata/fuzz and is
# from then on an ordinary test case.
#
#   tools/fuzz.sh TIME    for each target, as in 30s
set -euo pipefail
cd "$(dirname "$0")/.."

time=$1
grep -rEHo --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file target; do
  target=${target#func }
  echo "== $target in $(dirname "$file")"
  (cd "$(dirname "$file")" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" . </dev/null)
done
