# What people and CI run. Needs: make, git, python3 (3.11 or newer) with python3-venv.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: install demo test invariants check bench lock clean

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

test: install check
	$(BIN)/pytest --numprocesses 2 --dist loadgroup

# What `make test` samples, at its full count.
invariants: install
	RANDOM_KILLS=20 $(BIN)/pytest tests/scenarios/test_crash.py

check: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/gates.sh

bench: install
	$(BIN)/python -m tests.benchmarks

# After a change of the dependencies in pyproject.toml.
lock: install
	$(UV) pyproject.toml --extra lab --extra dev --output-file requirements-dev.txt
	$(UV) pyproject.toml --output-file requirements.txt

clean:
	rm -rf .venv .lab .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
