# What people and CI run. Needs: make, git, python3 (3.11 or newer) with python3-venv.
PYTHON ?= python3
BIN := .venv/bin
SEED := $(or $(SEED),$(shell date +%s))
TRIALS ?= 640
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: install demo test e2e invariants check bench screenshots lock clean

install: .venv/installed

.venv/installed: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Clonebot needs Python 3.11 or newer; this is $$($(PYTHON) --version)." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python cannot make virtual environments here. Type: sudo apt-get install python3-venv" >&2; exit 2; }
	@echo "Installing into .venv; this takes about a minute …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . \
		2>.venv/install.log || { cat .venv/install.log >&2; exit 1; }
	@touch $@

demo: install
	@$(BIN)/clonebot lab

test: install
	@$(BIN)/python -m tests.browser.chromium
	@sh tests/all.sh

# On real Debian servers; a part of `make test` too. Needs root on Debian.
e2e: install
	@$(BIN)/python -m tests.e2e.base
	$(BIN)/pytest --numprocesses 3 --dist loadgroup tests/e2e

# What `make test` samples, at its full count; about 40 minutes. SEED=… makes the same trials again.
invariants: install
	STRICT=1 CAMPAIGN_FULL=1 CAMPAIGN_SHARDS=4 CAMPAIGN_TRIALS=$(TRIALS) CAMPAIGN_SEED=$(SEED) \
		sh tests/in_memory.sh $(BIN)/pytest -rP --numprocesses 4 --dist loadgroup \
		tests/scenarios/test_campaign.py tests/scenarios/test_crash.py
	STRICT=1 FORGED=10000 HOSTILE=1000 LOCKED_SECONDS=30 INVARIANTS_SEED=$(SEED) $(BIN)/pytest --capture=no \
		tests/scenarios/test_forged.py tests/scenarios/test_hostile_text.py tests/scenarios/test_no_audit_no_action.py \
		tests/scenarios/test_over_http.py tests/scenarios/test_faults.py tests/scenarios/test_latency.py
	STRIDE=1 $(BIN)/pytest --numprocesses 2 tests/workflow

check: install
	@sh tests/gates.sh

bench: install
	$(BIN)/python -m tests.benchmarks

# The pictures in the README, of a lab in a real browser.
screenshots: install
	@$(BIN)/python -m tests.browser.screenshots

# After a change of the dependencies in pyproject.toml.
lock: install
	$(UV) pyproject.toml --extra lab --extra dev --output-file requirements-dev.txt
	$(UV) pyproject.toml --output-file requirements.txt

clean:
	rm -rf .venv .lab .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
