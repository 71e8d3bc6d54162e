# Everything a developer or an operator on one machine needs; the README shows the two that matter first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install run test lint unit integration endurance bench comparison demo-fallback idle-bench drain-bench projection-bench chaos herd lock clean console-screenshots reporting-bench scrape-bench load automation-bench

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("LumiLink needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install
	$(BIN)/lumilink up

test: lint unit integration

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: install
	$(BIN)/pytest tests/unit -n 2 -q

integration: install
	$(BIN)/pytest tests/integration tests/faults tests/agents -q

# What takes long, or much memory: not part of make test.
endurance: install
	$(BIN)/pytest tests/endurance -q

bench: install
	$(BIN)/python -m loadtests.spine

# The same agent and work over ACP and over AgentAPI (NFR-001).
comparison: install
	$(BIN)/python -m loadtests.comparison --page

# Shows the fallback step by step: an agent fails over ACP, work goes on over HTTP, and returns.
demo-fallback: install
	$(BIN)/python -m loadtests.demo

# What sessions cost that nobody uses.
idle-bench: install
	$(BIN)/python -m loadtests.idle

# Drains one of two workers while 1,000 sessions work.
drain-bench: install
	$(BIN)/python -m loadtests.drain

chaos: install
	$(BIN)/python -m loadtests.chaos --page

# What a scrape of /metrics takes with 1,000 sessions, and what counting costs an update.
scrape-bench: install
	$(BIN)/python -m loadtests.scrape

# How far the records are behind 10,000 entries a second.
projection-bench: install
	$(BIN)/python -m loadtests.projection

# Locust: many kinds of users by a profile (smoke, thousand, herd, mixed, soak); WORKERS=2 for more processes.
PROFILE ?= smoke
WORKERS ?= 0
load: install
	@mkdir -p .lumilink/load
	$(BIN)/python -m loadtests.locust --profile $(PROFILE) --workers $(WORKERS) --report .lumilink/load/$(PROFILE).html

# 5,000 new sessions in a second at a gateway that has room for 600.
herd: install
	$(BIN)/python -m loadtests.herd

# Reports over a million transcript entries, on SQLite and on PostgreSQL (apt-get install postgresql).
reporting-bench: install
	PYTHONPATH=tests $(BIN)/python -m loadtests.reporting --postgres

# 1,000 turns within a minute, each of which becomes a branch, a commit and a pull request.
automation-bench: install
	PYTHONPATH=tests $(BIN)/python -m loadtests.automating

# The pictures of docs/console.md. Needs Debian's chromium (apt-get install chromium).
console-screenshots: install
	PYTHONPATH=tests $(BIN)/python -m support.console_screenshots docs/images

# Needs uv (pip install uv). The lock names versions and hashes, no place to get them from.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .lumilink tests/agents/node_modules
