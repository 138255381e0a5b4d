"""What is on a hand-built server, and the fleet file of its administrator."""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from bot.domain.fleet import FleetSpec
from bot.lab.aws.furnish import Furnished
from bot.settings.fleet_file import load

_DECIDED = """\
preset = ["{preset}"]
remove = ["/root/.ssh/id_*"]
truncate = ["/etc/club.token"]
clean = ["/var/lib/club/*.lock"]
template = [{{ file = "/etc/club.role", text = "{{{{ instance.id }}}} of {{{{ fleet.name }}}}" }}]
"""
"""What only an administrator knows of a server with habits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A folder with `disk` (files that go on the server), `set-up.sh` (run there) and `fleet.toml`."""

    name: str
    suffix: str
    """How the names of pages that run a program end."""
    content: str
    """The folder that is copied to clones; the uploads are in it."""
    settings: str
    """The file that names the database's host."""
    database: str
    """The service, and with `data` the folder, of the database."""
    data: str
    biller: str
    """The command that says whether members are billed every minute there: active, or inactive."""
    bills: str
    """The command that lists who billed, once for each bill."""
    program: str
    """The service that serves the site."""
    writes_by: str
    """Who sends writes to the master, as its administrator wants it."""
    habits: bool = False
    """Its server has all the habits of `habits.sh`."""

    @property
    def health_path(self) -> str:
        """What the load balancer asks for."""
        return f"/healthz{self.suffix}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(__file__).parent / self.name

    @property
    def set_up(self) -> str:
        """The shell script that finishes the new server's disk, run on it as root before it boots."""
        habits = (self.folder.parent / "habits.sh").read_text() if self.habits else ""
        return (self.folder / "set-up.sh").read_text() + habits

    def lay_out(self, disk: Path) -> None:
        """Put its files on a disk, as root's own: a checkout may have any owner and modes."""
        source = self.folder / "disk"
        for file in source.rglob("*"):
            target = disk / file.relative_to(source)
            if file.is_dir():
                target.mkdir(exist_ok=True)
            elif file.name != ".gitkeep":
                shutil.copyfile(file, target)
                target.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)

    def fleet_file(self, furnished: Furnished, key_file: Path) -> str:
        """The text of the fleet file."""
        values = asdict(furnished) | {"subnets": json.dumps(furnished.subnets), "key_file": key_file}
        return Template((self.folder / "fleet.toml").read_text()).substitute(values)

    def decided(self, suggested: str) -> str:
        """The fleet file that was suggested, with what its administrator decides otherwise."""
        recipe = "[fleets.web.recipe]\n"
        for line, instead in (
            (recipe, f"{recipe}{_DECIDED.format(preset=self.name)}" if self.habits else recipe),
            ("[fleets.web.writes]", f'[fleets.web.writes]\nby = "{self.writes_by}"'),
            ("# drain = 300 ", "drain = 5 "),
        ):
            assert line in suggested
            suggested = suggested.replace(line, instead)
        return suggested

    def spec(self, furnished: Furnished, key_file: Path) -> FleetSpec:
        """The fleet as the fleet file describes it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "clonebot.toml"
            file.write_text(self.fleet_file(furnished, key_file))
            return load(file).fleets[0]


APACHE = Stack(
    name="apache",
    suffix=".php",
    content="/var/www/html",
    settings="/var/www/html/config.php",
    database="mariadb",
    data="/var/lib/mysql",
    biller="test -e /etc/cron.d/billing && systemctl is-active cron || echo inactive",
    bills="mariadb -N club -e 'SELECT server FROM bills'",
    program="apache2",
    writes_by="listener",
)
"""Apache, PHP and MariaDB; a cron job bills."""

NGINX = Stack(
    name="nginx",
    suffix="",
    content="/srv/club",
    settings="/etc/club.conf",
    database="postgresql",
    data="/var/lib/postgresql",
    biller="systemctl is-active club-bill.timer",
    bills="su postgres -c \"psql -qtA club -c 'SELECT server FROM bills'\"",
    program="club",
    writes_by="proxy",
)
"""nginx, a Python program and PostgreSQL; a timer bills."""
