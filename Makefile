# Everything that is done in this repository has a target here: `make help`.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Go's own installer puts it where root's PATH does not look.
export PATH := $(PATH):/usr/local/go/bin
# One way to compile everything that runs without the race detector, so that
# nothing is compiled twice. What the race detector needs, testrun sets.
export CGO_ENABLED := 0
export GOFLAGS += -trimpath
# A checkout that git will not read (none, or another user's) has no revision
# to stamp into programs.
ifneq ($(shell git rev-parse --git-dir 2>/dev/null || echo none),.git)
export GOFLAGS += -buildvcs=false
endif

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PROTOC_GO   := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GRPC := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
BINARY      := build/moonkeep
MAX_MB      := 45
FUZZTIME    ?= 30s
# Packages that start no goroutine (core/archtest holds it): the race detector
# would find nothing in them, and takes ten times as long.
QUIET       := ./config/...,./core/archtest/...,./core/balance/...,./core/bfd/...,./core/health/...,./core/mono/...,./core/netspec/...,./core/node/...,./core/rehearse/...,./core/track/...,./core/vrrp/...
# Those that wait the longest begin first.
PACKAGES    := ./core/lab ./cmd/moonkeep ./plugins/host ./lua ./core/kernel ./...
# Further flags of `go test` in `make test`, for example TESTFLAGS=-short.
TESTFLAGS   ?=
# What `make uml` runs: tests of these packages, by a pattern of go test.
PKG         ?= ./core/kernel/...
RUN         ?= .
# How many random configurations `make interop` compares with keepalived's table.
SEEDS       ?= 100
# Further flags of the benchmark, for example BENCHFLAGS='--modes v3:100ms'.
BENCHFLAGS  ?=
# The same for bench-scale, for example SCALEFLAGS='-instances 1000 -runs 3'.
SCALEFLAGS  ?=
# The same for bench-table, for example TABLEFLAGS='-servers 1000 -deaths 3'.
TABLEFLAGS  ?=
# The same for bench-checkers, for example CHECKERFLAGS='-servers 1000 -markdown'.
CHECKERFLAGS ?=

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

.PHONY: build
build: ## build the static program build/moonkeep
	go build -ldflags '-s -w' -o $(BINARY) ./cmd/moonkeep

.PHONY: demo
demo: build ## build, and show a failover on this machine
	@contrib/demo.sh $(BINARY)

.PHONY: test
test: setup lint check-binary build/uml ## set up and run every check and test
	@MOONKEEP_PROGRAM=$(CURDIR)/$(BINARY) go run ./contrib/testrun -again -guest $(CURDIR)/build/uml -plain $(QUIET) -timeout 10m $(TESTFLAGS) $(PACKAGES)

.PHONY: setup
setup: ## install what the tests use and this machine lacks (Debian, as root)
	@contrib/setup.sh

.PHONY: lint
lint: ## gofmt, go vet, staticcheck and go mod tidy
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not formatted by gofmt: $$bad"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff

.PHONY: check-binary
check-binary: build ## hold the program to being static and at most 45 MB
	@go run ./contrib/binarycheck -max-mb $(MAX_MB) $(BINARY)

.PHONY: uml
uml: setup build build/uml ## run tests in a User-Mode Linux guest (PKG, RUN)
	@MOONKEEP_PROGRAM=$(CURDIR)/$(BINARY) go test -exec $(CURDIR)/build/uml -count 1 -v -run '$(RUN)' $(PKG)

.PHONY: build/uml
build/uml:
	@go build -o $@ ./contrib/uml

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@contrib/fuzz.sh $(FUZZTIME)

.PHONY: interop
interop: setup build build/uml ## play the whole interop matrix against keepalived (root; SEEDS)
	@go run ./contrib/testrun -timeout 30m -run 'TestMatrix|TestInterop|TestTransports|TestSix|TestBFD|TestVMAC|TestHardwareSources' ./core/lab -matrix
	@MOONKEEP_PROGRAM=$(CURDIR)/$(BINARY) go test -exec $(CURDIR)/build/uml -count 1 -timeout 30m -run 'TestStackedInterface|TestLoss' ./core/lab -matrix
	@MOONKEEP_PROGRAM=$(CURDIR)/$(BINARY) go test -exec $(CURDIR)/build/uml -count 1 -timeout 120m -v -run 'TestGuestVerdicts|TestGuestSameTable|TestGuestRandomSites|TestGuestLoad' ./cmd/moonkeep -matrix -seeds $(SEEDS) | grep --line-buffered -v '^=== '

.PHONY: endure
endure: setup ## the long endurance tests (root) and 10,000 simulated clusters
	@go run ./contrib/testrun -timeout 30m -run 'TestReloadEachSecond|TestStoppedMasterResumes|TestPlannedMoves' ./core/lab -endure
	@go run ./contrib/testrun -timeout 30m -run TestMutatedFlood ./cmd/moonkeep -flood 1000000
	@go test -count 1 -run TestExpansionBounds ./config/keepalived -full
	@go run ./contrib/testrun -timeout 30m -run 'TestReloadsUnderChecks' ./lua -endure 10m
	@go run ./contrib/testrun -timeout 30m -run TestReloadsWithScripts ./cmd/moonkeep -scripts 10m
	@go run ./contrib/testrun -plain $(QUIET) -timeout 90m -run 'TestSeeds|TestBFDSeeds' ./core/rehearse -seeds 10000

.PHONY: bench
bench: bench-failover bench-parse bench-scale bench-lua bench-checks bench-plugin bench-table bench-checkers ## run all benchmarks

.PHONY: bench-failover
bench-failover: setup build ## measure outages against keepalived's (root; BENCHFLAGS)
	@go run ./contrib/bench/failover --moonkeep $(BINARY) $(BENCHFLAGS)

.PHONY: bench-parse
bench-parse: setup build ## measure the check of a large file against keepalived's
	@go run ./contrib/bench/parse --moonkeep $(BINARY)

.PHONY: bench-scale
bench-scale: setup build ## measure what many virtual routers cost, beside keepalived (root; SCALEFLAGS)
	@go run ./contrib/bench/scale --moonkeep $(BINARY) $(SCALEFLAGS)

.PHONY: bench-table
bench-table: setup build build/uml ## measure how fast the table of IPVS follows, beside keepalived, in a guest (root; TABLEFLAGS)
	@go build -o build/bench-table ./contrib/bench/table
	@build/uml $(CURDIR)/build/bench-table -moonkeep $(CURDIR)/$(BINARY) $(TABLEFLAGS)

.PHONY: bench-checks
bench-checks: ## measure what checks of real servers cost the node and the engine, without the probes themselves
	@go test ./core/node -run xxx -bench 'Checks|Reload37000'
	@go test ./core/engine -run xxx -bench Probes -benchtime 1x

.PHONY: bench-checkers
bench-checkers: setup build build/uml ## measure what checks of real servers cost, beside keepalived's checker, in a guest (CHECKERFLAGS)
	@go build -o build/bench-checkers ./contrib/bench/checkers
	@build/uml build/bench-checkers -moonkeep $(BINARY) $(CHECKERFLAGS)

.PHONY: bench-rate
bench-rate: ## hold the daemon to 10,000 checks of web servers a second, and to its adverts while checkers fail and scripts are hostile, on an idle machine (root)
	@go test -count 1 -v -run 'TestCheckRate|TestPluginFaultsDelayNoAdvert|TestEachPluginFault|TestEveryPluginFault|TestHostileScriptsDelayNoAdvert' ./cmd/moonkeep -idle

.PHONY: bench-plugin
bench-plugin: ## measure what a probe costs through a plugin, and in process (root)
	@go test -run XXX -bench Probes -benchtime 10000x ./plugins/host

.PHONY: proto
proto: ## generate the plugin protocol's Go code anew (needs protoc: apt install protobuf-compiler)
	GOBIN=$(CURDIR)/build/tools go install $(PROTOC_GO)
	GOBIN=$(CURDIR)/build/tools go install $(PROTOC_GRPC)
	PATH=$(CURDIR)/build/tools:$$PATH protoc -I plugins/checker/checkerpb --go_out=. --go-grpc_out=. \
		--go_opt=module=github.com/moonkeep/moonkeep --go-grpc_opt=module=github.com/moonkeep/moonkeep \
		plugins/checker/checkerpb/checker.proto

.PHONY: bench-lua
bench-lua: setup build ## measure Lua checks beside keepalived's scripts (root; BENCHFLAGS)
	@go run ./contrib/bench/lua --moonkeep $(BINARY) $(BENCHFLAGS)

.PHONY: clean
clean: ## remove what was built
	rm -rf build
