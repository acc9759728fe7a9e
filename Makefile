# Works alone on a machine with Python 3.11 or newer and make. PYTHON=… chooses another interpreter.
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo rehearsal venv test chromium cron postgresql replay soak lint format bench sample clean

help:  ## what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: venv  ## the main job on the bundled replica, into output/demo
	@$(BIN)/python -m kcnacrawl.replica

rehearsal: venv  ## the first contact with an unknown mark-up, in two parts
	@$(BIN)/python -m kcnacrawl.replica.rehearsal

venv: $(VENV)/.runs  ## only .venv, with what running needs

# Twice as many as there are processors: whole crawls wait a good deal.
test: $(VENV)/.develops chromium cron postgresql replay  ## the whole test suite
	$(BIN)/python -m pytest --dist worksteal --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )) --durations 10

# Playwright's own where it can be had, else the system's.
chromium: $(VENV)/.runs  ## find a browser, or install one
	@$(BIN)/python -m kcnacrawl.render.browser 2>/dev/null || $(BIN)/playwright install --with-deps --only-shell chromium \
		|| { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium; } \
		|| $(BIN)/python -m kcnacrawl.render.browser

# No daemon of the machine's is touched: the tests start their own.
cron:  ## find what schedules are tested with, or install it
	@PATH="$$PATH:/usr/sbin:/sbin"; for one in cron faketime logrotate systemd-analyze; do \
		command -v $$one >/dev/null || missing="$$missing $$one"; done; \
	test -z "$$missing" || { $(SUDO) apt-get update -qq \
		&& $(SUDO) apt-get install -y -qq --no-install-recommends cron faketime logrotate systemd; }

# The tests start a server of their own, whichever the machine has.
postgresql:  ## find the database that its store is tested with, or install it
	@PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' :)"; \
	{ command -v initdb && command -v postgres && command -v psql; } >/dev/null || { $(SUDO) apt-get update -qq \
		&& $(SUDO) apt-get install -y -qq --no-install-recommends postgresql; }

# What it stands on and what the other tests stand on exclude each other.
replay: $(VENV)/.replays  ## pywb, which what is kept is replayed in

soak: $(VENV)/.develops  ## everything goes wrong at once, and 200 runs are killed
	$(BIN)/python -m tests.soak --kills 200
	$(BIN)/python -m tests.cluster_soak

lint: $(VENV)/.develops  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.develops  ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.benches postgresql  ## every figure of docs/performance.md, beside public tools; an hour
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/pages.py
	$(BIN)/python benchmarks/capture.py
	$(BIN)/python benchmarks/stores.py
	$(BIN)/python benchmarks/archive.py
	$(BIN)/python benchmarks/merge.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/reprints.py
	$(BIN)/python benchmarks/growth.py

sample: $(VENV)/.benches postgresql  ## the benchmarks in a small form; a minute or two
	$(BIN)/python benchmarks/bench.py 300 1
	$(BIN)/python benchmarks/pages.py 40
	$(BIN)/python benchmarks/archive.py 1000
	$(BIN)/python benchmarks/merge.py 1000
	$(BIN)/python benchmarks/stores.py 500
	$(BIN)/python benchmarks/reprints.py 60

clean:  ## away with everything made
	rm -rf $(VENV) build dist output/demo output/rehearsal .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer was found; give PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[replica,stores,cluster]'
	@touch $@

$(VENV)/.develops: $(VENV)/.runs
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.benches: $(VENV)/.develops
	$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/.replays: constraints-replay.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/replay
	$(VENV)/replay/bin/python -m pip install --quiet --disable-pip-version-check --requirement constraints-replay.txt
	@touch $@
