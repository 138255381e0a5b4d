#!/bin/sh
# Installed as /usr/local/bin/clonebot: clonebot as the bot's own user, with its environment.
# `clonebot run` stays whoever types it, since that is who asks.
set -eu
CLONEBOT_DATA=${CLONEBOT_DATA:-/var/lib/clonebot}
if [ "$(id -un)" != clonebot ] && [ "${1:-}" != run ]; then
    exec sudo -u clonebot CLONEBOT_DATA="$CLONEBOT_DATA" "$0" "$@"
fi
if [ "$(id -un)" = clonebot ]; then
    set -a
    [ ! -e /etc/clonebot/environment ] || . /etc/clonebot/environment
    CLONEBOT_CONFIG=/etc/clonebot/clonebot.toml
fi
export CLONEBOT_DATA
exec /opt/clonebot/.venv/bin/clonebot "$@"
