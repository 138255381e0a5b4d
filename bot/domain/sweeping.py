"""How what the image brought is taken away on a server: shell functions for its first boot and for SSH.

`$R` is where paths begin, `$state` what we keep on this server, `$mark` the file whose age is that of the
clone: what was last changed before it came with the image. `fail` says what went wrong.
"""

AMONG = r"""
# What a pattern names, folders aside; the rest are tests and actions of find.
among() (
    IFS=
    pattern=$1
    shift
    for place in $R$pattern; do
        [ -e "$place" ] || [ -L "$place" ] || continue
        case $(readlink -f -- "${place%/*}") in "$R" | "$R"/*) ;; *) continue ;; esac
        case $pattern in
            */) find "$place" -xdev ! -type d "$@" ;;
            *) find "$place" -maxdepth 0 ! -type d "$@" ;;
        esac
    done
)

"""

SWEEP = r"""
# Whatever these cannot do, or what vanishes meanwhile, the proof tells.
drop() {
    for pattern; do among "$pattern" -exec rm -f -- {} + || :; done
}

sweep() {
    for pattern; do
        if [ -e "$mark" ]; then
            among "$pattern" ! -cnewer "$mark" -exec rm -f -- {} +
        else
            among "$pattern" -exec rm -f -- {} +
        fi || :
    done
}

# Owner and mode stay.
empty() {
    for pattern; do among "$pattern" -type f -size +0 -exec truncate -s 0 -- {} + || :; done
}

# A line of settings that says which server this is becomes a comment.
comment_out() {
    if [ -f "$R$1" ] && grep -Eq "^($2)" "$R$1"; then
        sed -E -i "s!^($2)!# the master's: &!" "$R$1"
        forgot=yes
    fi
}

renew_machine_id() {
    [ -s "$state/machine-id" ] || {
        tr -d - </proc/sys/kernel/random/uuid >"$state/machine-id.part" &&
            mv -f -- "$state/machine-id.part" "$state/machine-id"
    } || fail "no new machine-id"
    if ! cmp -s -- "$state/machine-id" "$R/etc/machine-id"; then
        own "$R/etc/machine-id"
        if [ -f "$R/var/lib/dbus/machine-id" ] && [ ! -L "$R/var/lib/dbus/machine-id" ]; then
            own "$R/var/lib/dbus/machine-id"
        fi
        systemctl --no-block restart systemd-journald >/dev/null 2>&1
    fi
}

own() {
    install -m 0444 -- "$state/machine-id" "$1.part" && mv -f -- "$1.part" "$1" ||
        fail "$1 cannot be written"
}
"""
