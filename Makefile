# Everything that is done to this repository by hand or in CI. `make` alone
# lists the targets. The modules are those of all.work; nothing here names them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

export GOWORK := $(CURDIR)/all.work

# The newest patch release of Go, whatever is installed: older ones have known holes.
export GOTOOLCHAIN := go1.26.10

# What can be set: make test TIMEOUT=2h (it only ends tests that hang), make fuzz FUZZTIME=5m, make run ARGS=-addr=:8080
TIMEOUT  ?= 60m
# How many tests of a package run at once: more than there are cores, since many wait for servers and browsers.
PARALLEL ?= 6
FUZZTIME ?= 30s
SOAK     ?= 20
ARGS     ?=

# The folders of the modules, those of the modules that are built alone, and those that have packages.
modules  = $(shell GOWORK=$(GOWORK) go list -m -f '{{.Dir}}')
programs = $(CURDIR)/tools/lint $(CURDIR)/tools/promql $(CURDIR)/tools/vuln $(CURDIR)/tools/release
unlisted = $(CURDIR)/tools $(programs)
packaged = $(shell for dir in $(modules); do \
	if [ -n "$$(GOWORK=$(GOWORK) go -C "$$dir" list ./... 2>/dev/null)" ]; then echo "$$dir"; fi; done)

# $(call each,folders,command) runs the command in each folder, shows which,
# goes on after a failure and fails in the end.
each = failed=; for dir in $(1); do \
	echo "  $${dir\#$(CURDIR)/}"; (cd "$$dir" && $(2)) || failed="$$failed $$dir"; done; \
	[ -z "$$failed" ] || { echo "failed in:$$failed"; exit 1; }

# Linters read what the compiler made of every package, and tests run it: in one form, so that all
# is compiled once, and with the race detector. SQLite, which only the examples use, is C turned into
# Go: its pointers are numbers, and checking each of them, as -race does by itself, takes more than
# half of their tests' time. What was C is compiled without the race detector too: no goroutine of
# ours touches its memory, and it has no generic code of the standard library, which it would share
# with others, so that races would be reported where there are none. The clients of Redis are
# thousands of generated methods, which take half as long to compile if nothing is inlined.
once = GOFLAGS="$$(go env GOFLAGS) -race -gcflags=modernc.org/...=-d=checkptr=0 -gcflags=modernc.org/sqlite/lib=-race=false \
	-gcflags=github.com/redis/...=-l"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## all but the tests: format, lint, modules, dashboards, weight, known vulnerabilities, a trial of a release
	@$(MAKE) --keep-going format lint modules alone grafana weight vuln trial

.PHONY: test
test: prepare bin/gotestsum ## run all tests of all modules, with the race detector, in random order
	@mkdir -p artifacts
	@$(once) bin/gotestsum --format pkgname --jsonfile artifacts/tests.json --hide-summary=skipped -- \
		-vet=off -shuffle=on -parallel $(PARALLEL) -timeout $(TIMEOUT) work || failed=1; \
	echo "the slowest tests: $$(bin/gotestsum tool slowest --jsonfile artifacts/tests.json --threshold 100ms --num 10 | \
		awk '{ sub("^github.com/reecho-go/", "", $$1); printf "%s%s %s %s", sep, $$1, $$2, $$3; sep = ", " }')"; \
	exit $${failed:-0}

.PHONY: race
race: ## run the tests of the core alone, with the race detector
	go test -race -shuffle=on -timeout $(TIMEOUT) ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
		go test -list '^Fuzz' "$$dir" | grep '^Fuzz' | while read -r target; do \
			echo "== $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir"; \
		done; done

.PHONY: soak
soak: ## run the tests of the core and of the stores SOAK (20) times, in another order each time, with all random cases
	SOAK=$(SOAK) go test -race -shuffle=on -count=$(SOAK) -timeout 0 ./... ./store/boltstore/... ./store/redisstore/...

.PHONY: bench
bench: ## run the comparisons with other libraries; ARGS=-short takes a few minutes
	go -C benchmarks run . $(ARGS)

.PHONY: bench-servers
bench-servers: ## run the comparisons that need redis-server and nginx; ARGS="-only cluster" asks who serves what after a delete elsewhere
	go -C benchmarks/servers run . $(ARGS)

.PHONY: rfc-tests
rfc-tests: ## run the public tests of HTTP caches against respcache; needs node and npm; ARGS="-id vary-match" shows one
	go run ./benchmarks/rfctests $(ARGS)

.PHONY: run
run: ## serve the example data app; ARGS=-addr=:8080 sets the address
	go run ./examples/explorer $(ARGS)

.PHONY: browsers
browsers: ## try cookies in Chromium, Firefox and WebKit; as root it installs what is missing
	@.ci/browsers
	@cd examples && timeout 15m xvfb-run -a go test -tags browsers -count=1 -v -timeout 14m ./browsers

.PHONY: lint
lint: bin/lint ## run the linters of tools/lint, all of go vet among them, on every module
	@echo "go vet -vettool=bin/lint"
	@$(once) go vet -vettool=bin/lint work
	@$(call each,$(programs),GOWORK=off go vet -vettool=$(CURDIR)/bin/lint ./...)
	@GOWORK=off go -C tools/lint test -vet=off .

.PHONY: fmt
fmt: bin/gofumpt ## format all Go files
	@bin/gofumpt -l -w .

.PHONY: tidy
tidy: ## tidy the go.mod and go.sum of every module
	@$(call each,$(modules) $(unlisted),GOWORK=off go mod tidy)

.PHONY: release
release: ## make a release: VERSION=v0.1.0 tries it, commits and tags it, and writes bills of materials; it pushes nothing
	@GOWORK=off go -C tools/release run . -publish -version "$(VERSION)" $(CURDIR)

# The parts of check that are not targets for people.
.PHONY: format modules alone grafana prepare weight vuln trial

format: bin/gofumpt
	@echo "gofumpt"
	@files=$$(bin/gofumpt -l .); [ -z "$$files" ] || { echo "not formatted, run make fmt:"; echo "$$files"; exit 1; }

modules:
	@echo "go mod tidy -diff"
	@$(call each,$(modules) $(unlisted),GOWORK=off go mod tidy -diff)

# Users have no go.work of ours. This compiles as go build does, and links nothing.
alone:
	@echo "compile every module without go.work"
	@$(call each,$(packaged),$(once) GOWORK=off go list -export ./... >/dev/null)

# By the parser of Prometheus, which is heavy.
grafana:
	@echo "the dashboard and the alert rules for Prometheus"
	@GOWORK=off go -C tools/promql test -vet=off .

# Builds programs with caches, and says what one more of them adds.
weight:
	@echo "the weight of one more cache"
	@go -C benchmarks run ./weight -ours

# The database of vulnerabilities is a module, of a pinned version.
vuln:
	@echo "known vulnerabilities in what the code calls"
	@GOWORK=off go -C tools/vuln test -vet=off .
	@GOWORK=off go -C tools/vuln run . $(GOWORK)

# Fetches every module as a user would. Their programs are compiled with what is compiled for the
# tests, the tool is not.
trial:
	@echo "a trial of a release"
	@GOWORK=off go -C tools/release test -vet=off .
	@GOWORK=off go -C tools/release build -o $(CURDIR)/bin/release .
	@cd tools/release && $(once) GOWORK=off $(CURDIR)/bin/release $(CURDIR)

prepare:
	@.ci/prepare

# The tools are built from source as tools/go.mod pins them, each when it is needed, without
# go.work, which would raise their dependencies to those of the other modules.
bin/gofumpt bin/benchstat bin/gotestsum: tools/go.mod tools/go.sum
	@echo "building $(@F)"
	@mkdir -p bin
	@GOWORK=off go -C tools build -o $(CURDIR)/$@ "$$(sed -n 's|^\t\(.*/$(@F)\)$$|\1|p' tools/go.mod)"
	@touch $@

bin/lint: $(wildcard tools/lint/*.go) tools/lint/go.mod tools/lint/go.sum
	@echo "building the linters, a minute the first time"
	@mkdir -p bin
	@GOWORK=off go -C tools/lint build -o $(CURDIR)/bin/lint .
	@touch bin/lint
