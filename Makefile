# Lapwing in a dozen words: `make` lists them. They need Go and nothing else;
# where git, a C compiler, a browser or a Python is missing they say so.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

GO       ?= go
ARGS     ?= demo
FUZZTIME ?= 10s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# A static binary that names its version and carries the time zones, so that it
# runs in an empty container.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -tags timetzdata -ldflags '-s -w -X lapwing.dev/lapwing/internal/app.version=$(VERSION)'
LINT  := $(GO) tool -modfile=internal/tools/go.mod golangci-lint

# The middleware is a module of its own, so that who imports it gets nothing else
# along: `./...` does not reach it.
ALL := ./... lapwing.dev/lapwing/middleware/...

# The race detector is the only thing here that needs a C compiler.
RACE := $(if $(shell command -v "$$($(GO) env CC)" 2>/dev/null),-race)

.PHONY: help build test race lint generate generated e2e fuzz bench run docs release check

help: ## list these words
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/lapwing, a static binary
	$(BUILD) -o bin/lapwing ./cmd/lapwing

test: generated lint build race ## everything: generated files, lint, build, all tests

race: ## all tests under the race detector
	@$(if $(RACE),,echo 'make: no C compiler, so the tests run without the race detector' >&2)
	@skipped=$$(mktemp); trap 'rm -f "$$skipped"' EXIT; \
	echo '$(GO) test $(RACE) -timeout 15m $(ALL)'; \
	status=0; LAPWING_SKIPPED=$$skipped $(GO) test $(RACE) -timeout 15m $(ALL) || status=$$?; \
	[ ! -s "$$skipped" ] || { echo 'make: these tests were skipped:' >&2; sort -u "$$skipped" >&2; }; \
	exit $$status

lint: ## gofmt, go vet and golangci-lint (pinned in internal/tools; the first run builds it)
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; }
	$(GO) vet $(ALL)
	$(LINT) run
	cd middleware && $(GO) tool -modfile=../internal/tools/go.mod golangci-lint run

generate: ## write schema, reference and example from the code
	$(GO) generate ./...

# What differs from the last commit, as a number: generating must not change it.
CHANGES = { git diff HEAD; git ls-files -z --others --exclude-standard | xargs -0 cat; } | cksum

generated:
	@if git rev-parse -q --verify HEAD >/dev/null 2>&1; then \
		before=$$($(CHANGES)); \
		$(MAKE) --no-print-directory generate; \
		[ "$$before" = "$$($(CHANGES))" ] || { git status --short; echo 'make: generated files were stale and are written anew: commit them' >&2; exit 1; }; \
	else \
		echo 'make: no git history here, so generated files are written but not compared' >&2; \
		$(MAKE) --no-print-directory generate; \
	fi

e2e: ## the stories in e2e/ and examples/, against the built product
	$(GO) test -count=1 -timeout 15m ./e2e/... ./examples/...

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+\(' . | sed -E 's|/[^/]*:func ([A-Za-z0-9_]+).*| \1|' | sort | while read -r dir target; do \
		echo "== $$dir $$target"; \
		$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

bench: ## the figures of bench/, written to bench/results/
	@[ -x bench/run ] || { echo 'make: bench/run is not there, so there is nothing to measure' >&2; exit 1; }
	bench/run

run: ## the demo, or: make run ARGS="serve -c lapwing.yaml"
	$(GO) run ./cmd/lapwing $(ARGS)

docs: generate ## write docs/reference and load every example in docs/ and examples/
	$(GO) test -count=1 ./docs -update
	$(GO) test -count=1 ./internal/config/...

release: ## static binaries for all systems and their checksums in bin/release/
	@rm -rf bin/release
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
		echo "bin/release/lapwing_$${target/\//_}"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(BUILD) -o "bin/release/lapwing_$${target/\//_}" ./cmd/lapwing || exit 1; \
	done
	@cd bin/release && { sha256sum lapwing_* 2>/dev/null || shasum -a 256 lapwing_*; } > SHA256SUMS && cat SHA256SUMS

check: ## what CI does: install what is missing (as root on Debian), then test, skipping nothing
	.ci/run
