"""Servers as the doctor sees them: what Debian's packages bring, and what people add."""

from dataclasses import replace
from typing import Any

from bot.domain.doctor.facts import File, Job, Kind, Line, Mount, Origin, ServerFacts, Socket, Unit
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.doctor.server import examine_server
from bot.domain.fleet import Content, FleetSpec, Recipe, Rewrite, Ssh, Writes

PAGES = "/var/www/html"
_LIB = "/usr/lib/systemd/system"


def fleet(
    *,
    prefixes: tuple[str, ...] = ("/uploads",),
    methods: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    **recipe: Any,
) -> FleetSpec:
    return FleetSpec(
        name="web",
        region="eu-central-1",
        channel="C0WEB",
        master="i-master",
        target_group="arn:tg",
        subnets=("subnet-a",),
        ssh=Ssh(user="admin", key_file="key"),
        content=Content(paths=(PAGES,), exclude=exclude),
        writes=Writes(target_group="arn:writes", methods=methods, prefixes=prefixes),
        recipe=Recipe(**recipe),
    )


def service(name: str, **more: Any) -> Unit:
    """A running service of a package."""
    values = {"active": "active", "sub": "running", "enabled": "enabled", "file": f"{_LIB}/{name}.service"}
    return Unit(name=f"{name}.service", **{**values, **more})


def hand_made(name: str, command: str, **more: Any) -> Unit:
    """A running service that somebody wrote."""
    return service(name, **{"file": f"/etc/systemd/system/{name}.service", "command": command, **more})


def timer(name: str, *, by_hand: bool = False, **more: Any) -> Unit:
    """A timer of a package, or of a person, that waits for its time."""
    folder = "/etc/systemd/system" if by_hand else _LIB
    values = {"active": "active", "sub": "waiting", "enabled": "enabled", "file": f"{folder}/{name}.timer"}
    return Unit(name=f"{name}.timer", **{**values, "triggers": f"{name}.service", **more})


def job(source: str, command: str, schedule: str = "17 3 * * *", **more: Any) -> Job:
    """A job that somebody wrote."""
    values = {"user": source.partition(":")[2] or "root", "origin": Origin.HAND, **more}
    return Job(source=source, schedule=schedule, command=command, **values)


def folder(path: str, *, owner: str = "root", mode: int = 0o755, **more: Any) -> File:
    return File(path=path, kind=Kind.FOLDER, owner=owner, group=owner, mode=mode, **more)


def file(path: str, **more: Any) -> File:
    return File(**{"path": path, "size": 1000, **more})


def listens(address: str, port: int, process: str = "", unit: str = "") -> Socket:
    return Socket(address=address, port=port, process=process, unit=unit)


def packaged(source: str, command: str, schedule: str = "17 3 * * *") -> Job:
    return job(source, command, schedule, origin=Origin.PACKAGE)


ANYWHERE = "*"
_TIMERS = (
    "apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "e2scrub_all", "fstrim", "logrotate", "man-db",
    "systemd-tmpfiles-clean", "phpsessionclean",
)  # fmt: skip
_DAILY = ("apache2", "apt-compat", "dpkg", "logrotate", "man-db", "exim4-base")
_ANACRON = "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }"
_PACKAGED = (
    packaged("/etc/crontab", "cd / && run-parts --report /etc/cron.hourly", "17 * * * *"),
    packaged("/etc/crontab", _ANACRON, "25 6 * * *"),
    packaged("/etc/cron.d/e2scrub_all", "test -e /run/systemd/system || /sbin/e2scrub_all -A -r"),
    packaged("/etc/cron.d/php", "[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean"),
    *(packaged(f"/etc/cron.daily/{name}", "", "daily") for name in _DAILY),
)
_RUNNING = ("ssh", "cron", "systemd-journald", "systemd-timesyncd", "dbus", "getty@tty1")
_BASE = (
    *(service(name) for name in _RUNNING),
    *(timer(name) for name in _TIMERS),
    *(service(name, active="inactive", sub="dead", enabled="static") for name in _TIMERS),
    service("cloud-init", sub="exited"),
    service("rsync", active="inactive", sub="dead", enabled="disabled"),
)
_FSTAB = (
    Mount(device="PARTUUID=5e0a4c86-01", where="/", kind="ext4", options="rw,discard"),
    Mount(device="UUID=AC0A-12A0", where="/boot/efi", kind="vfat", options="defaults"),
)
_CONTENT = (
    folder(PAGES),
    folder(f"{PAGES}/css"),
    folder(f"{PAGES}/uploads", owner="www-data"),
)

APACHE = ServerFacts(
    hostname="shop",
    machine_id="4f1c",
    time=1_790_000_000,
    time_zone="Etc/UTC",
    clock_synchronized=True,
    units=(*_BASE, service("apache2"), service("mariadb"), service("php8.2-fpm")),
    jobs=_PACKAGED,
    sockets=(
        listens(ANYWHERE, 80, "apache2", "apache2.service"),
        listens(ANYWHERE, 22, "sshd", "ssh.service"),
        listens(ANYWHERE, 3306, "mariadbd", "mariadb.service"),
        listens("127.0.0.53%lo", 53, "systemd-resolve", "systemd-resolved.service"),
    ),
    mounts=(
        Mount(device="/dev/nvme0n1p1", where="/", kind="ext4", options="rw,discard"),
        Mount(device="tmpfs", where="/run", kind="tmpfs"),
    ),
    fstab=_FSTAB,
    content=_CONTENT,
    settings=(
        Line(file=f"{PAGES}/config.php", text="define('DB_HOST', 'localhost');"),
        Line(file="/etc/php/8.2/fpm/pool.d/www.conf", text="user = www-data"),
        Line(file="/etc/mysql/mariadb.conf.d/50-server.cnf", text="bind-address = 0.0.0.0"),
        Line(file="/etc/mysql/debian.cnf", text="host     = localhost"),
        Line(file="/etc/apache2/sites-enabled/000-default.conf", text="DocumentRoot /var/www/html"),
        Line(file="/etc/apache2/mods-enabled/status.conf", text="Require local"),
        Line(file="/etc/hosts", text="127.0.0.1 localhost"),
    ),
    packages=("apache2", "mariadb-server", "php8.2-fpm", "cron", "openssh-server"),
)  # fmt: skip
"""Apache, PHP and MariaDB on Debian."""

APACHE_FLEET = fleet(
    services=("mariadb",),
    rewrite=(
        Rewrite(file=f"{PAGES}/config.php", find="'localhost'", replace="'{{ master.private_ip }}'"),
    ),
    exclude=("/config.php",),
)  # fmt: skip

NGINX = replace(
    APACHE,
    units=(
        *_BASE,
        service("nginx"),
        service("postgresql", sub="exited"),
        service("postgresql@15-main", enabled="enabled-runtime"),
        hand_made("club", "/srv/club/venv/bin/gunicorn club.wsgi --bind 127.0.0.1:8000", user="club"),
    ),
    sockets=(
        listens(ANYWHERE, 80, "nginx", "nginx.service"),
        listens(ANYWHERE, 5432, "postgres", "postgresql@15-main.service"),
        listens("127.0.0.1", 8000, "gunicorn", "club.service"),
    ),
    settings=(
        Line(file="/srv/club/settings.py", text="'ENGINE': 'django.db.backends.postgresql',"),
        Line(file="/srv/club/settings.py", text="'HOST': '127.0.0.1',"),
        Line(file="/etc/nginx/sites-enabled/club", text="proxy_pass http://127.0.0.1:8000;"),
        Line(file="/etc/nginx/sites-enabled/club", text="proxy_set_header X-Forwarded-For $remote_addr;"),
        Line(file="/etc/postgresql/15/main/postgresql.conf", text="listen_addresses = '*'"),
    ),
    packages=("nginx", "postgresql-15", "python3", "cron", "openssh-server"),
)  # fmt: skip
"""nginx, a Python application and PostgreSQL on Debian."""

NGINX_FLEET = fleet(
    services=("postgresql",),
    rewrite=(Rewrite(file="/srv/club/settings.py", find="'127.0.0.1'", replace="'{{ master.private_ip }}'"),),
)


def found(facts: ServerFacts, spec: FleetSpec, pitfall: int) -> list[Finding]:
    """What the doctor finds of one pitfall."""
    return [each for each in examine_server(facts, spec).findings if each.pitfall == pitfall]


def blocking(facts: ServerFacts, spec: FleetSpec) -> list[str]:
    """What blocks an image, in a form that a failing test shows well."""
    return [f"{each.check} at {each.where}" for each in examine_server(facts, spec).of(Severity.BLOCKS)]


def but(facts: ServerFacts, **more: Any) -> ServerFacts:
    """The same server, and something more of these."""
    parts: dict[str, Any] = {part: (*getattr(facts, part), *values) for part, values in more.items()}
    return replace(facts, **parts)
