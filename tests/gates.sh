# The gates, in one list. Each must pass; the first that does not ends the run.
set -eu
PATH=.venv/bin:$PATH
run() {
    echo "== $*"
    "$@"
}
run ruff format --check --quiet .
run ruff check --quiet .
run mypy
run lint-imports
run vulture
run deptry .
run python -m cogapp --check -I . README.md
