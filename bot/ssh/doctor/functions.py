"""What the doctor's script runs on a master: one shell function for each section, all of them read only."""

SELF = r"""
self() {
    printf 'user=%s\n' "$(id -un)"
    printf 'root=%s\n' "$R"
    printf 'hostname=%s\n' "$(hostname 2>/dev/null || uname -n)"
    printf 'machine_id=%s\n' "$(head -c 64 -- "$R/etc/machine-id")"
    if [ -e "$R/usr/bin/cloud-init" ] || [ -e "$R/usr/local/bin/cloud-init" ]; then echo cloud_init=yes; fi
    printf 'time=%s\n' "$(date +%s)"
    printf 'time_zone=%s\n' "$(readlink -- "$R/etc/localtime" || head -n 1 -- "$R/etc/timezone")"
    [ -n "$R" ] || printf 'addresses=%s\n' "$(look hostname -I)"
    [ -n "$R" ] || printf 'synchronized=%s\n' "$(look timedatectl show -p NTPSynchronized --value)"
}

cloud_off() {
    [ ! -e "$R/etc/cloud/cloud-init.disabled" ] || printf '%s\n' "$R/etc/cloud/cloud-init.disabled"
    look grep -lE '^[[:space:]]*policy:[[:space:]]*disabled' "$R/etc/cloud/ds-identify.cfg"
    set -- "$R/etc/default/grub" "$R"/etc/default/grub.d/*.cfg "$R/etc/kernel/cmdline" \
        "$R"/boot/loader/entries/*.conf "$R"/boot/grub*/grub.cfg
    # What it booted with tells of a clone's boot only where no boot loader's file does.
    [ -n "$R" ] || [ -e /boot/loader/entries ] || [ -e /boot/grub/grub.cfg ] || set -- "$@" /proc/cmdline
    look grep -lE '^[^#]*cloud-init=disabled' "$@"
}

units() {
    look systemctl show --all --no-pager \
        -p Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,User,ExecStart,Unit,Triggers \
        '*.service' '*.timer' '*.socket' '*.path'
    look systemctl list-unit-files --no-legend --no-pager --plain
}
loaded() { look systemctl list-units --all --no-legend --no-pager --plain; }

tables() {
    look grep -aHZE '^[[:space:]]*[^#[:space:]]' "$R/etc/crontab" "$R"/etc/cron.d/* "$R/etc/anacrontab" \
        "$R/etc/rc.local" \
        "$R"/var/spool/cron/crontabs/* "$R"/var/spool/cron/tabs/* "$R"/var/spool/cron/*
}
own_table() { if command -v crontab >/dev/null; then look crontab -l; fi; }
scripts() {
    look find "$R"/etc/cron.hourly "$R"/etc/cron.daily "$R"/etc/cron.weekly "$R"/etc/cron.monthly \
        "$R/etc/rc.local" -maxdepth 1 ! -type d ! -name '.*' -perm /111 -printf "$entry"
}
script_lines() {
    look grep -aHZE -m 40 -D skip "$telling" "$R"/etc/cron.hourly/* "$R"/etc/cron.daily/* \
        "$R"/etc/cron.weekly/* "$R"/etc/cron.monthly/*
    look find "$R/usr/local/bin" "$R/usr/local/sbin" "$R/root" "$R/home" "$R/opt" "$R/srv" \
        -xdev -ignore_readdir_race -maxdepth 4 \
        \( -type d \( @SKIP@ \) -prune \) -o \
        \( -type f -size -129k \( -path '*/bin/*' -o -path '*/sbin/*' -o -name '*.sh' \) \
            -exec grep -aHZE -m 40 "$telling" {} + \)
}
later() {
    look find "$R"/var/spool/cron/atjobs "$R"/var/spool/at -maxdepth 1 -type f -name '[a-z=][0-9a-f]*' \
        -printf "$entry"
}
conffiles() { look grep -aE '^ /etc/(cron|anacron)' "$R/var/lib/dpkg/status"; }
sums() { look md5sum -- "$R"/etc/crontab "$R"/etc/cron.*/* "$R"/etc/anacrontab; }
"""

MACHINE = r"""
sockets() { look ss -H -l -t -u -n -p; }
connections() { look ss -H -t -n -p state established; }
processes() { look grep -aHZsE '^(0::|[0-9]+:name=systemd:)' /proc/[0-9]*/cgroup; }
databases() {
    [ "$(id -u)" = 0 ] || echo "find: '/proc/*/fd': Permission denied"
    look find /proc/[0-9]*/fd -lname '/*' ! -lname '/dev/*' ! -lname '/proc/*' ! -lname '/run/*' \
        ! -lname '/var/log/*' ! -lname '/var/lib/mysql/*' ! -lname '/var/lib/postgresql/*' \
        -xtype f -printf '%l\0' 2>/dev/null | sort -zu | head -z -n 500 |
        look xargs -0r head -vc 15 -- 2>/dev/null | grep -aB 1 '^SQLite format 3' |
        sed -n 's/^==> \(.*\) <==$/\1/p'
}
mounts() { look cat /proc/self/mounts; }
swaps() { look cat /proc/swaps; }
containers() {
    [ ! -S /run/docker.sock ] || cat /run/docker.sock
    for engine in docker podman; do
        if command -v "$engine" >/dev/null; then
            look "$engine" ps --format '{{.Names}}\t{{.Image}}\t{{.State}}'
        fi
    done
}
"""

FILES = r"""
entry='%y\t%m\t%s\t%u\t%g\t%T@\t%p\t%l\n'

hollow() {
    if first=$(within 5 find . -type f -printf . -quit 2>/dev/null) && [ -z "$first" ]; then
        printf 'empty\t%s\n' "$path"
    fi
}

content() {
    for path; do
        printf 'path\t%s\n' "$path"
        (cd -- "$R$path" && hollow && within 20 find . -xdev -ignore_readdir_race \
            \( -type d \( -name .git -o -name .svn -o -name node_modules \) -printf "$entry" -prune \) -o \
            \( -type f ! \( @NAMES@ \) \) -o -printf "$entry")
    done
}

around() {
    for path; do
        set -- "$@" -o -path "$path"
        shift
    done
    look find "$R/home" "$R/root" "$R/srv" "$R/opt" "$R/var/www" "$R/usr/local/bin" "$R/etc/ssl/private" \
        "$R/etc/letsencrypt/live" "$R/etc/cloud" "$R/var/lib/cloud/scripts" \
        -xdev -ignore_readdir_race -maxdepth 6 \
        \( -type d \( @SKIP@ "$@" \) -prune \) -o \
        \( -type f \( @NAMES@ -o -path '*/cloud/scripts/*' -o -path '*/.ssh/*' \) -printf "$entry" \)
}

texts() {
    look find "$R/srv" "$R/opt" "$R/var/www" "$R/home" "$R/root" "$R/usr/local/etc" "$@" \
        -xdev -ignore_readdir_race -maxdepth 7 \
        \( -type d \( @SKIP@ -o -name wp-includes -o -name wp-admin \) -prune \) -o \
        \( -type f -size -129k ! \( @EXAMPLES@ \) \( \
            \( \( @SETTINGS@ \) -exec grep -aHZiE -e "$setting" {} + -exec grep -alE -e "$secret" {} + \) -o \
            \( \( @KEYS@ -o -path '*/.ssh/*' \) ! -name '*.pub' -exec grep -alE -e "$key" {} + \) \) \)
    look find "$R/etc" -xdev -maxdepth 5 \
        \( -type d \( -name '*-available' -o -name alternatives -o -name selinux -o -name certs -o \
            -name services -o -name rc?.d -o -name init.d -o -name pam.d -o -name security -o \
            -name '*.wants' \) -prune \) -o \
        \( ! -type d -size -129k ! \( @EXAMPLES@ -o -name '*shadow*' -o -name 'sudoers*' -o \
            -name .pwd.lock -o -name 'ssh_host_*_key' -o -name services -o -name mime.types \) \( \
            \( \( @KEYS@ \) -exec grep -alE -e "$key" {} + \) -o \
            \( -exec grep -aHZiE -e "$setting" {} + -exec grep -alE -e "$secret" {} + \) \) \)
}

logins() {
    look find "$R/home" "$R/root" "$R/etc/ssh" "$R/var/lib" -xdev -maxdepth 4 \
        \( -type d -path "$R/var/lib/*/*/*" -prune \) -o \
        \( -type f \( -name 'authorized_keys*' -o -path '*/authorized_keys.d/*' \) \
            -exec grep -aHZ -e '^[^#]' {} + \)
}
relays() { look find "$@" -maxdepth 0 -type f -size +0 -printf "$entry"; }
lost() {
    while [ $# -ge 3 ]; do
        if [ -x "$R${1%/*}/" ] && [ ! -e "$R$1" ]; then
            printf 'file\t%s\n' "$1"
        elif [ -r "$R$1" ] && ! look grep -aqF -e "$2" -e "$3" -- "$R$1"; then
            printf 'setting\t%s\n' "$1"
        fi
        shift 3
    done
    return 0
}
agents() { look find @AGENTS@ -maxdepth 0 -printf "$entry"; }
packages() {
    if [ -d "$R/var/lib/dpkg" ]; then
        look dpkg-query --admindir="$R/var/lib/dpkg" -W -f '${db:Status-Status} ${Package}\n'
    else
        look rpm ${R:+--root "$R"} -qa --qf 'installed %{NAME}\n'
    fi
}
mail() {
    for queue in postfix/maildrop postfix/incoming postfix/active postfix/deferred postfix/hold \
        exim4/input exim/input mqueue; do
        [ -d "$R/var/spool/$queue" ] || continue
        waiting=$(look find "$R/var/spool/$queue" -type f ! -name '*-D' ! -name 'df*' -printf . | wc -c)
        printf '/var/spool/%s\t%s\n' "${queue%%/*}" "$waiting"
    done
}
hosts() { look grep -aHZE '^[[:space:]]*[0-9a-fA-F:.]+[[:space:]]' "$R/etc/hosts"; }
fstab() { look cat -- "$R/etc/fstab"; }
mount_units() {
    look grep -aHZE '^(What|Where|Type|Options)[[:space:]]*=' "$R"/etc/systemd/system/*.mount
    look find "$R"/etc/systemd/system -mindepth 2 -maxdepth 2 \( -name '*.mount' -o -name '*.automount' \) \
        -printf '%f\n'
}
"""

SITE = r"""
served() {
    page=${1%/} name=${1##*/}
    shift
    [ -z "$name" ] || look grep -aHZRF -A 3 -e "$name" @SITES@
    { printf '%s\n' "$@" && document_roots; } | sort -u | while IFS= read -r folder; do
        for file in "$R$folder$page" "$R$folder$page"/index.php "$R$folder$page"/index.html; do
            [ ! -f "$file" ] || look find "$file" -printf "$entry" -exec grep -aHZiE -m 20 "$asking" {} +
        done
    done
}
document_roots() {
    look grep -hRoiE '^[[:space:]]*(DocumentRoot|root)[[:space:]]+"?/[^";[:space:]]+' @SITES@ 2>/dev/null |
        sed 's/^[^/]*//'
}

written() {
    for path; do
        set -- "$@" -o -path "$path"
        shift
    done
    look find "$R/srv" "$R/opt" "$R/var/www" "$R/home" "$R/var/lib" "$R/mnt" "$R/data" \
        -xdev -ignore_readdir_race -maxdepth 5 -type d \( \
            \( @SKIP@ -o -name '.*' -o -name dpkg -o -name apt -o -name docker -o -name containerd "$@" \) \
            -prune -o \
            ! -empty -mtime -30 \( ! -user 0 -o -perm /022 \) -printf "$entry" \)
}
"""
