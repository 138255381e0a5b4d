# Runs pytest with its files in memory, if there is room for four gigabytes and programs may run from there.
# Labs make and delete files all the time, and ext4 makes new ones slowly where it has just deleted many.
room=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
if [ "${room:-0}" -gt 4000000 ] && probe=$(mktemp -p /dev/shm); then
    if echo '#!/bin/sh' >"$probe" && chmod +x "$probe" && "$probe"; then
        export PYTEST_DEBUG_TEMPROOT=/dev/shm
        set -- "$@" --override-ini tmp_path_retention_policy=failed
    fi
    rm -f "$probe"
fi
echo "$*"
exec "$@"
