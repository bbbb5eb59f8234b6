# Grove Console. `make` alone lists what there is.

PYTHON_CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install -qq --disable-pip-version-check --require-hashes
WORKFLOW_LINT := tests/workflow_lint
COMPILE := $(VENV)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock" pyproject.toml

# Enough to try things out; whoever sets DEBUG in the environment decides.
test-postgres test-sqlite types bench pictures: export DEBUG ?= 1
# With a .env the installation's own settings hold, so that nothing is tried out on a real grove.
demo console: export DEBUG ?= $(if $(wildcard .env),,1)
demo console: export ADVANCEMENT_APPROVE_OWN ?= $(if $(wildcard .env),,1)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo console test test-postgres test-sqlite lint format types layers bench pictures faults audit lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.installed ## Make .venv and install the pinned packages.

setup-dev: $(VENV)/.installed-dev $(WORKFLOW_LINT)/node_modules/.installed $(VENV)/.browser ## Install what the tests and checks need as well.

demo: setup ## Load the sample grove and show a dry run and a real run.
	@$(PYTHON) manage.py demo

console: setup ## Serve the console on 127.0.0.1:8000; PORT=8080 takes another port.
	@$(PYTHON) manage.py console $(if $(PORT),--port $(PORT))

test: setup-dev ## Run every check, and the whole suite on PostgreSQL and on SQLite at the same time.
	@failed=; mkdir -p .cache; \
	for step in lint types layers; do $(MAKE) --no-print-directory $$step || failed="$$failed $$step"; done; \
	$(MAKE) --no-print-directory test-sqlite > .cache/test-sqlite.log 2>&1 & sqlite=$$!; \
	$(MAKE) --no-print-directory test-postgres || failed="$$failed test-postgres"; \
	wait $$sqlite || failed="$$failed test-sqlite"; \
	cat .cache/test-sqlite.log; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

test-postgres: setup-dev ## Run the suite on a private PostgreSQL server (ARGS="-k rollback" narrows it).
	@echo "== Tests on PostgreSQL"
	@$(PYTHON) tests/postgres.py -- $(PYTHON) -m pytest $(ARGS)

test-sqlite: setup-dev ## Run the suite on SQLite (ARGS="-k rollback" narrows it).
	@echo "== Tests on SQLite"
	@env -u DATABASE_URL $(PYTHON) -m pytest $(ARGS)

lint: setup-dev ## Check style and formatting.
	@echo "== Style"
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "make format mends the formatting." >&2; exit 1; }

format: setup-dev ## Format the code and mend what can be mended.
	@$(VENV)/bin/ruff check --fix --quiet .
	@$(VENV)/bin/ruff format .

types: setup-dev ## Check types.
	@echo "== Types"
	@GROVE_CONSOLE_READ_DOTENV=0 $(PYTHON) -m mypy

layers: setup-dev ## Check that modules import only from the layers below them.
	@echo "== Layers"
	@$(VENV)/bin/lint-imports --cache-dir .cache/import_linter

bench: setup-dev ## Measure the engine on PostgreSQL and on SQLite.
	@$(PYTHON) tests/postgres.py -- $(PYTHON) -m tests.bench $(ARGS)

pictures: setup-dev ## Take the pictures of the documents, from the sample grove.
	@$(PYTHON) tests/postgres.py -- $(PYTHON) -m tests.pictures

faults: setup-dev ## Inject a thousand faults and compare with a run without one (ARGS="--only deadlock" narrows it).
	@$(PYTHON) tests/postgres.py -- $(PYTHON) -m tests.faults $(ARGS)

audit: setup-dev ## Look the pinned packages up for known vulnerabilities.
	@$(VENV)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.txt

lock: $(VENV)/.installed-dev ## Compile the pins again (ARGS=--upgrade for the newest versions).
	$(COMPILE) --output-file requirements.txt $(ARGS)
	$(COMPILE) --output-file requirements-dev.txt --group dev --constraint requirements.txt $(ARGS)

clean: ## Remove what was installed and cached; databases stay.
	rm -rf $(VENV) $(WORKFLOW_LINT)/node_modules staticfiles .cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Files -------------------------------------------------------------------

$(VENV)/.installed: requirements.txt | $(PYTHON)
	@echo "Installing the packages …"
	@$(PIP_INSTALL) --requirement requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing the packages for the tests …"
	@$(PIP_INSTALL) --requirement requirements-dev.txt
	@touch $@

$(PYTHON):
	@for candidate in $(PYTHON_CANDIDATES); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Grove Console needs Python 3.11 or newer, and there is no such python3 here." >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2> /dev/null && command -v apt-get > /dev/null; then \
		if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
		echo "Installing python3-venv …"; \
		$$as_root apt-get update -qq && \
			$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv > /dev/null; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2> /dev/null; then \
		echo "$$found cannot make virtual environments: please install its venv module (Debian: apt-get install python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version) …"; \
	$$found -m venv --clear $(VENV)

$(WORKFLOW_LINT)/node_modules/.installed: $(WORKFLOW_LINT)/package-lock.json
	@if ! command -v npm > /dev/null; then \
		if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
		echo "Installing Node.js, which lints the workflow …"; \
		{ $$as_root apt-get update -qq && \
			$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm > /dev/null; } || \
			{ echo "npm is missing and could not be installed: please install Node.js (Debian: nodejs npm)." >&2; exit 1; }; \
	fi
	@npm ci --prefix $(WORKFLOW_LINT) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Tiers are shown by their emoji, so the pages need a font that has them.
$(VENV)/.browser: | $(PYTHON)
	@if ! { command -v chromium || command -v chromium-browser || command -v google-chrome; } > /dev/null || \
		! fc-list ":family=Noto Color Emoji" | grep -q .; then \
		if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
		echo "Installing Chromium, in which the console is tried out …"; \
		{ $$as_root apt-get update -qq && \
			$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				chromium fonts-noto-color-emoji fontconfig > /dev/null; } || \
			{ echo "Chromium is missing and could not be installed: please install it (Debian: chromium fonts-noto-color-emoji)." >&2; exit 1; }; \
	fi
	@touch $@
