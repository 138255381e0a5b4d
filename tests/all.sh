# All gates and all tests. Beside the tests run the gates, and what makes the disk of the Debian servers: a test
# that needs it waits for it.
PATH=.venv/bin:$PATH
unset PYTHONDONTWRITEBYTECODE # or every worker compiles every test anew, each time
said=$(mktemp)
trap 'rm -f "$said"' EXIT

nice python -m tests.e2e.base &
debian=$!
{ sh tests/gates.sh >"$said" 2>&1 && echo "The gates are passed." || { cat "$said" && exit 1; }; } &
gates=$!
sh tests/in_memory.sh pytest --numprocesses 3 --dist loadgroup
tested=$?
wait "$debian"
wait "$gates" || { echo "A gate is not passed: see above, or type make check." >&2 && exit 1; }
exit "$tested"
