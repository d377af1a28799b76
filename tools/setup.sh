#!/usr/bin/env bash
# Installs what is missing and nothing else: Go tools at the versions of tools/go.mod into .tools/bin, and
# Debian packages where this is root on Debian. Quick when nothing is missing.
#
#   tools/setup.sh            everything
#   tools/setup.sh NAME...    only these: golangci-lint gotestsum protoc-gen-go benchstat protoc redis-cli nc go
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/.tools/bin
minimum_go=1.26
everything="golangci-lint gotestsum protoc-gen-go benchstat protoc redis-cli nc"

# Package and module of a Go tool.
go_tool() {
  case $1 in
  golangci-lint) echo github.com/golangci/golangci-lint/v2/cmd/golangci-lint github.com/golangci/golangci-lint/v2 ;;
  gotestsum) echo gotest.tools/gotestsum gotest.tools/gotestsum ;;
  protoc-gen-go) echo google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/protobuf ;;
  benchstat) echo golang.org/x/perf/cmd/benchstat golang.org/x/perf ;;
  esac
}

debian_package() {
  case $1 in
  protoc) echo protobuf-compiler ;;
  redis-cli) echo redis-tools ;;
  nc) echo netcat-openbsd ;;
  *) die "no tool is called $1" ;;
  esac
}

die() {
  echo "setup: $*" >&2
  exit 1
}

check_go() {
  command -v go >/dev/null || die "please install Go $minimum_go or newer: https://go.dev/doc/install"
  go_version=$(go env GOVERSION)
  local newest
  newest=$(printf '%s\n%s\n' "$minimum_go" "${go_version#go}" | sort -V | tail -n 1)
  [[ $newest == "${go_version#go}" ]] || die "please install Go $minimum_go or newer, this is $go_version"
}

# A tool is built again when its version changes, and when Go does: a linter that an older Go built cannot read
# what a newer one compiles.
install_go_tool() {
  local name=$1 package=$2 module=$3 version stamp started=$SECONDS
  version=$(awk -v m="$module" '$1 == m && $2 ~ /^v/ { print $2 }' tools/go.mod)
  stamp="$version $go_version"
  if [[ -x $bin/$name && $(cat "$bin/.$name" 2>/dev/null) == "$stamp" ]]; then
    return
  fi
  echo "setup: building $name $version"
  (cd tools && GOBIN=$bin go install -mod=readonly -ldflags='-s -w' "$package")
  echo "$stamp" >"$bin/.$name"
  echo "setup: $name built in $((SECONDS - started)) s"
}

install_debian_packages() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "please install $* (the names are Debian's; run as root there, setup does it itself)"
  fi
  echo "setup: installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null
}

check_go
mkdir -p "$bin"
if command -v flock >/dev/null; then # two setups at once take turns
  exec 9>.tools/lock
  flock 9
fi

missing=""
for name in ${*:-$everything}; do
  tool=$(go_tool "$name")
  if [[ -n $tool ]]; then
    # shellcheck disable=SC2086 # two words on purpose
    install_go_tool "$name" $tool
  elif ! command -v "$name" >/dev/null; then
    missing+=" $(debian_package "$name")"
  fi
done
# shellcheck disable=SC2086 # a list of names
[[ -z $missing ]] || install_debian_packages $missing
