"""The disk of the lab's hand-built server: programs and pages by hand, and the newsletters of some years."""

import secrets
import shutil
import stat
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

_DISK: Final = Path(str(files("bot.lab.site"))) / "disk"
_YEARS = {
    1999: "The boathouse gets a roof",
    2004: "Silver at the regatta",
    2011: "The flood",
    2023: "New oars",
}
_MONTHS = ("April", "July", "September")
_FOLDERS = ("var/backups", "var/lib/sitedb", "var/log", "var/tmp", "var/www/html/uploads")
_CRONTAB = "var/spool/cron/crontabs"


def programs() -> list[Path]:
    """The site's programs, which every server runs until somebody changes them there."""
    return sorted(_DISK.glob("srv/*/*.py"))


def lay_out_site(disk: Path, user: str) -> None:
    """Put the site on a disk, with a machine-id of its own."""
    shutil.copytree(_DISK, disk, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (*_FOLDERS, _CRONTAB):
        (disk / folder).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_DISK.parent / "crontab", disk / _CRONTAB / user)
    (disk / "etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    (disk / "etc/hostname").write_text("riverbend\n")
    for year, headline in _YEARS.items():
        _write_newsletters(disk / "var/www/html/newsletter", year, headline)
    _write_contents(disk / "var/www/html/newsletter")
    _let_owner_write(disk)


def _write_newsletters(folder: Path, year: int, headline: str) -> None:
    (folder / str(year)).mkdir(parents=True)
    for number, month in enumerate(_MONTHS, 1):
        text = f"Issue {number} of {year}. {headline}. Training is on Tuesdays, weather permitting."
        picture = f'<p><img src="{number}.svg" alt="" width="120"></p>'
        page = _page(f"{month} {year}", f"<p>{escape(text)}</p>{picture}", "../../")
        (folder / str(year) / f"{number}.html").write_text(page)
        (folder / str(year) / f"{number}.svg").write_text(_picture(year + number * 37))


def _write_contents(folder: Path) -> None:
    rows = (
        f"<li>{year}: {escape(headline)} ("
        + ", ".join(f'<a href="{year}/{number}.html">{month}</a>' for number, month in enumerate(_MONTHS, 1))
        + ")</li>"
        for year, headline in _YEARS.items()
    )
    (folder / "index.html").write_text(_page("Newsletter", f"<ul>{''.join(rows)}</ul>", "../"))


def _page(title: str, body: str, home: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="stylesheet" href="{home}css/club.css"></head>\n<body>\n'
        f'<header><h1>{title}</h1><nav><a href="{home}">Home</a> '
        f'<a href="{home}newsletter/">Newsletter</a></nav>'
        f"</header>\n<main><section>{body}</section></main>\n</body>\n</html>\n"
    )


def _picture(seed: int) -> str:
    waves = "".join(
        f'<path d="M0 {30 + row * 12}q30-{(seed * (row + 3)) % 17 + 4} 60 0t60 0" '
        f'fill="none" stroke="hsl({(seed * 7 + row * 20) % 360} 45% 45%)" stroke-width="4"/>'
        for row in range(5)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 90">{waves}</svg>\n'


def _let_owner_write(disk: Path) -> None:
    """An installation may be read-only; a server's disk is not."""
    for path in (disk, *disk.rglob("*")):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)
