# `make demo` and `make test` do everything from a fresh clone; `make help` tells the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

setup := tools/setup.sh
gotestsum := $(CURDIR)/.tools/bin/gotestsum --format standard-quiet --
FUZZTIME = $(or $(TIME),30s)
long := go test -count=1 -timeout 60m -v
brief := | grep -v '^ *\(===\|--- PASS\)'

# Every module, the library's own first.
modules := $(shell find . -name go.mod -not -path './.*/*' | sed 's|/go.mod$$||' | sort)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install every tool that is missing, into .tools/ where that is possible
	@$(setup)

.PHONY: demo
demo: ## three processes on this machine: write, read, kill the leader, lose nothing
	@$(setup) go
	@$(setup) redis-cli || true # the script makes do without it
	@examples/run-three-node.sh

.PHONY: test
test: ## every test, with the race detector; then the tests that kill real processes
	@$(setup) gotestsum redis-cli
	@failed=0; for module in $(modules); do \
		echo "== tests of $$module"; \
		(cd $$module && $(gotestsum) -race ./...) || failed=1; \
	done; \
	echo "== simulation, without the race detector"; \
	$(gotestsum) ./sim/... || failed=1; \
	exit $$failed

.PHONY: sim
sim: ## simulate whole clusters under faults that a seed decides on; SEEDS=2000 is how many
	@$(setup) go
	@go run ./sim/raftsim -seeds $(or $(SEEDS),2000)

.PHONY: chaos
chaos: ## kill the leader of three real processes thirty times while clients write, and the ends of fifty snapshots on their way
	@$(setup) go
	@cd examples && go test -run 'TestChaos|TestKilledTransfersArrive' -count=1 -timeout 30m -v ./kv -args -chaos.kills=30 -snapshot.kills=50

.PHONY: crash
crash: ## cut and damage the log at every place; REOPENINGS=40000 of it, CASES=10000 against a model: some minutes
	@$(setup) go
	@$(long) ./persistence -run '^(TestCrashMatrix|TestKeptCrashes)$$' -args -crash.reopenings=$(or $(REOPENINGS),40000) $(brief)
	@$(long) ./persistence -run '^TestModel$$' -args -rapid.checks=$(or $(CASES),10000) $(brief)
	@$(long) ./persistence -run '^TestDamageToEveryByte$$' -args -damage.bits=8 $(brief)
	@$(long) ./actors -run '^TestNothingLeavesAFailingDisk$$' -args -disk.step=1 $(brief)

.PHONY: fuzz
fuzz: ## run each fuzz target in turn; TIME=30s is the time for one
	@tools/fuzz.sh $(FUZZTIME)

.PHONY: mutants
mutants: ## put known bugs back, one at a time, and tell which test notices; ONLY=R7 for one rule: half an hour or more
	@$(setup) go
	@cd tools && go run ./mutants $(if $(ONLY),-only '$(ONLY)')

.PHONY: bench
bench: ## the benchmarks of each package, then SET against three processes
	@$(setup) redis-cli
	@go test -run '^$$' -bench . -benchmem ./...
	@examples/kv/bench.sh

.PHONY: bench-peers
bench-peers: ## writes and latencies of yggr, etcd's raft and the disk's floor, side by side: about five minutes
	@$(setup) go
	@cd bench && go run ./cmd/benchpeers

.PHONY: bench-peers-full
bench-peers-full: ## the same with more peers, larger commands and the hops of one write: about twenty minutes
	@$(setup) go
	@cd bench && go run ./cmd/benchpeers -hops -systems yggr,etcd,etcd-sync,hashicorp,floor -size 16,1024 -seconds 3

.PHONY: bench-faults
bench-faults: ## writes while a follower is black-holed, and fifty restarts of a follower: about four minutes
	@$(setup) go
	@cd bench && go run ./cmd/benchfaults

.PHONY: bench-snapshot
bench-snapshot: ## a state of 1 GiB is captured, sent to a fourth process and restored while writes go on: half a minute
	@$(setup) go
	@cd bench && go run ./cmd/benchsnapshot

.PHONY: verify
verify: ## check format, lint, generated code, modules and documents; writes nothing
	@$(setup) golangci-lint protoc-gen-go protoc
	@tools/verify.sh $(modules)

.PHONY: fix
fix: ## mend what verify finds, where a machine can
	@$(setup) golangci-lint protoc-gen-go protoc
	@tools/fix.sh $(modules)
