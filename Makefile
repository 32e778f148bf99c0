# The commands of this project. `make` alone lists them.
#
# All of them install what they need: Python packages into .venv (and .venv-core, .venv-wheel), on
# Debian also python3-venv and chromium when they are missing. A second run installs nothing.

PYTHON ?= python3
# Chromium for the browser tests; another path may be given.
CHROMIUM ?= /usr/bin/chromium
# Passed on: `make demo ARGS="--port 9000"`, `make unit ARGS="-k cookies"`.
ARGS ?=
# How many processes run the tests.
JOBS ?= auto
# How many pages of tag soup `make fuzz` tries, and for how many seconds it then breeds pages.
FUZZ_SOUPS ?= 200000
FUZZ_SECONDS ?= 600

export CHROMIUM
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq
CORE_PIP := .venv-core/bin/python -m pip
# Tests of what stands on a framework or a server; everything else is the core's.
BEYOND_CORE := adapters asgi wsgi flask django cli demo docs browser databases

.PHONY: help demo test strace check lint types layers static unit browser databases core fuzz bench
.PHONY: wheel-check languages screenshots clean
.DEFAULT_GOAL := help

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/.demo ## a site full of trackers, behind consentkit (ARGS="--help" lists its options)
	@$(BIN)/consentkit demo $(ARGS)

# The tests come last, so that the last line is pytest's summary. The core's are run where no framework
# is installed, the rest where all are. The databases' tests share their servers, so they run in one
# process; the browser's driver keeps an event loop of its own running, so its tests are a run too.
test: strace check core .venv/.browser .venv/.databases ## everything that CI runs
	$(BIN)/python -m pytest -n $(JOBS) $(wildcard $(addprefix tests/,$(filter-out browser databases,$(BEYOND_CORE)))) $(ARGS)
	$(BIN)/python -m pytest tests/databases $(ARGS)
	$(BIN)/python -m pytest -n $(JOBS) tests/browser $(ARGS)

check: lint types layers static wheel-check ## everything but the tests

lint: .venv/.dev ## ruff: rules and formatting; translations: complete and compiled
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python scripts/languages.py check

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy

layers: .venv/.dev ## import-linter: data flows downwards
	$(BIN)/lint-imports

static: ## the built JavaScript and CSS equal a fresh build (skipped, aloud, without npm)
	@if command -v npm >/dev/null 2>&1; then \
	    cd static && npm ci --silent --no-audit --no-fund && npm run --silent check && npm test --silent; \
	else \
	    echo "static: npm is not installed, so the built files were not compared with a fresh build"; \
	fi

unit: .venv/.dev strace ## the tests without a browser
	$(BIN)/python -m pytest -n $(JOBS) -m "not browser" --ignore=tests/databases $(ARGS)

browser: .venv/.browser ## the tests in Chromium
	$(BIN)/python -m pytest -n $(JOBS) tests/browser $(ARGS)

databases: .venv/.databases ## the tests of the log in PostgreSQL, MariaDB and Galera
	$(BIN)/python -m pytest tests/databases $(ARGS)

core: .venv-core/.core strace ## the core's tests, where no framework is installed
	.venv-core/bin/python -m pytest -n $(JOBS) $(foreach d,$(BEYOND_CORE),--ignore=tests/$(d)) $(ARGS)

fuzz: .venv/.fuzz ## try to break the gate (FUZZ_SECONDS, FUZZ_SOUPS, ARGS="--seed 7")
	$(BIN)/python -m tests.fuzz --soups $(FUZZ_SOUPS) --seconds $(FUZZ_SECONDS) $(ARGS)

bench: .venv/.bench ## measure the gate beside others, and write it into docs/performance.md
	$(BIN)/python -m benchmarks.gate $(ARGS)

wheel-check: .venv/.dev ## build the wheel, install it alone, and look whether all is in it
	$(BIN)/python scripts/wheel_check.py .venv-wheel

languages: .venv/.dev ## bring the translations in locale/ up to date, and compile them
	$(BIN)/python scripts/languages.py update
	$(BIN)/python scripts/languages.py compile

screenshots: .venv/.browser ## make the pictures in docs/images anew
	$(BIN)/python scripts/screenshots.py

clean: ## remove what these commands made
	rm -rf .venv .venv-core .venv-wheel build dist static/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# What the commands need. A stamp is renewed when what it was installed from has changed.

# Debian ships python3 without ensurepip; python3-venv brings it.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "consentkit needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/debian-install "Python's venv module" python3-venv
	$(PYTHON) -m venv .venv

# pip 25.1 is the first that reads dependency groups.
.venv/.demo: pyproject.toml | .venv/bin/python
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) --editable '.[demo]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) --editable '.[demo,django,flask]' --group dev
	@touch $@

# The base dependencies less the one framework among them, which only the adapters may import.
.venv-core/.core: pyproject.toml | .venv/bin/python
	$(PYTHON) -m venv .venv-core
	$(CORE_PIP) install -qq --upgrade 'pip>=25.1'
	$(CORE_PIP) install -qq --editable . --group core
	$(CORE_PIP) uninstall -qq --yes starlette anyio
	@touch $@

.venv/.bench: .venv/.dev
	$(PIP) --group bench
	@touch $@

.venv/.fuzz: .venv/.dev
	$(PIP) --group fuzz
	@touch $@

.venv/.databases: .venv/.dev
	@ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/mariadbd /usr/lib/galera/libgalera_smm.so \
	    /usr/bin/rsync /usr/bin/pgrep >/dev/null 2>&1 || scripts/debian-install "database servers for the tests" \
	    postgresql mariadb-server galera-4 rsync procps
	@touch $@

# The browser's driver links a library that a small Debian does not have.
.venv/.browser: .venv/.dev | $(CHROMIUM)
	@$(BIN)/playwright --version >/dev/null 2>&1 || scripts/debian-install "a library of the browser's driver" libatomic1
	@touch $@

# Makes writes and syncs fail, for the tests of the log.
strace:
	@command -v strace >/dev/null 2>&1 || scripts/debian-install "strace, for the tests of the log" strace

# Without fonts Chromium draws no text.
$(CHROMIUM):
	@scripts/debian-install "a browser for the tests" chromium fonts-dejavu-core
