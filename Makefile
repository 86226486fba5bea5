# One verb per target: `make help` lists them. ARGS="…" is handed on to the program that a target runs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A toolchain that has just been installed is found without a new shell.
export PATH := $(HOME)/.cargo/bin:$(PATH)

PAGE := signaling/web

.PHONY: help run test test-operator lint bench load-test chaos generate

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
	  while IFS=$$'\t' read -r verb what; do printf '  make %-13s %s\n' "$$verb" "$$what"; done

run: page ## build the page and the pod, and serve both on http://localhost:3000 (settings: .env)
	cargo build --release --locked --bin signaling
	@given=$$(export -p); if [ -f .env ]; then set -a; . ./.env; set +a; eval "$$given"; fi; \
	  exec target/release/signaling $(ARGS)

test: test-tools page test-rust test-page test-clients ## run every test: Rust, page, stock clients, browsers
	$(call section,All tests passed)

test-operator: toolchain ## run the tests that need a Kubernetes, all on one (ARGS="two_namespaces")
	tests/kubernetes/build
	cargo test --locked $(OPERATOR_TESTS) --no-run
	tests/kubernetes/cluster run cargo test --locked $(OPERATOR_TESTS) $(ARGS)

lint: toolchain lint-rust lint-dependencies lint-page lint-scripts ## check format, clippy, dependencies, types, scripts

bench: toolchain ## measure the pod beside a bare echo and Node's socket.io (ARGS="--quick --only relay")
	@$(needs_node); $(call node_packages,tests/bench)
	cargo build --release --locked --bin signaling --bin bench --bin echo
	target/release/bench $(ARGS)

load-test: toolchain ## drive clients through whole calls against a running pod (ARGS="--maxConnections 1000")
	cargo run --release --locked --bin load-test -- $(ARGS)

chaos: toolchain ## break a service of three pods in every way while people use it (ARGS="--seed 7 --redis cluster")
	cargo build --release --locked --bin signaling --bin chaos
	@export SIGNALING_BIN=$(CURDIR)/target/release/signaling; \
	  if [ -n "$(ARGS)" ]; then exec target/release/chaos $(ARGS); fi; \
	  status=0; \
	  target/release/chaos --faults-of-each 50 || status=1; \
	  target/release/chaos --faults-of-each 20 --redis sentinel --kinds $(WITH_FAILOVERS) || status=1; \
	  target/release/chaos --faults-of-each 20 --redis cluster --kinds $(WITH_FAILOVERS) || status=1; \
	  target/release/chaos --faults-of-each 10 --default-timers || status=1; \
	  exit $$status

generate: toolchain ## write the README's tables, the CRD and its reference again, from the code
	cargo run --locked --bin signaling -- reference --write
	cargo run --locked --bin crd -- --write

# ----------------------------------------------------------------------------------------------------------------------
# What the targets above are made of.

.PHONY: toolchain page test-tools test-rust test-page test-clients lint-rust lint-dependencies lint-page lint-scripts

# Those that need a Kubernetes.
OPERATOR_TESTS := --package chat-tests --test cluster

# What else goes on while a Sentinel or a cluster fails over.
WITH_FAILOVERS := master-killed,failed-over,pod-killed,pod-stopped,pod-drained,clients-dropped

# A heading above each part of a long run.
section = @printf '\n\033[1m== %s\033[0m\n' '$(1)'

# Installs the locked Node packages of folder $(1), when the lock has changed since the last time.
node_packages = if ! cmp -s $(1)/package-lock.json $(1)/node_modules/.installed; then \
  npm ci --prefix $(1) --no-audit --no-fund --loglevel=error && cp $(1)/package-lock.json $(1)/node_modules/.installed; fi

# Skips a rule that needs Node where there is none: `toolchain` has said so.
needs_node = signaling/install page || exit 0

toolchain:
	@signaling/install

page: toolchain
	@$(needs_node); $(call node_packages,$(PAGE)); cd $(PAGE) && npm run --silent build

test-tools: toolchain
	$(call section,What the tests need)
	@tests/install

test-rust:
	$(call section,Rust: unit and property tests - simulation - contract - bounded fuzz - generated tables)
	cargo test --workspace --locked --no-run
	tests/kubernetes/cluster run cargo test --workspace --locked

test-page:
	$(call section,Demo page: unit tests)
	@$(needs_node); $(call node_packages,$(PAGE)); cd $(PAGE) && npm test

test-clients:
	$(call section,Stock clients and browsers over real sockets)
	tests/clients/run

lint-rust:
	$(call section,Rust: format and clippy)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# The advisory database comes from a Git host. Where that cannot be reached, everything else is checked all the same.
lint-dependencies: target/tools/bin/cargo-deny
	$(call section,Dependencies: bans - licences - sources - advisories)
	target/tools/bin/cargo-deny --locked check bans licenses sources
	@if timeout 60 target/tools/bin/cargo-deny fetch db 2>/dev/null; then \
	  target/tools/bin/cargo-deny check --disable-fetch advisories; \
	else echo 'NOT CHECKED: security advisories. Their database could not be fetched.'; fi

target/tools/bin/cargo-deny:
	cargo install cargo-deny --locked --root target/tools

lint-page:
	$(call section,Page: types)
	@$(needs_node); $(call node_packages,$(PAGE)); cd $(PAGE) && npx --no-install tsc --noEmit

lint-scripts:
	$(call section,Shell scripts)
	@scripts=$$(git grep -lE '^#( shellcheck shell=|!/bin/(ba)?sh)' -- . ':!*.md' ':!Makefile'); \
	  if command -v shellcheck >/dev/null; then shellcheck $$scripts; \
	  else echo 'NOT CHECKED beyond their syntax: shellcheck is not installed (Debian: apt-get install shellcheck)'; \
	    for script in $$scripts; do bash -n "$$script"; done; fi
