"""Which lines of a server's settings the doctor's grep lets through, tried with grep itself."""

import subprocess

import pytest

from bot.ssh.doctor.patterns import SETTING


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("    DocumentRoot /var/www/html", True),
        ('DocumentRoot "/srv/www"', True),
        ("\troot /var/www/html;", True),
        ("    location = /healthz {", True),
        ("    location /uploads/ { root /srv/club; }", True),
        ("WorkingDirectory=/srv/club", True),
        ("    # root /var/www/old;", False),
        ("\t#DocumentRoot /var/www/old", False),
        ("root:x:0:0:root:/root:/bin/sh", False),
        ("    location /static/ {", False),
        ("    index index.html;", False),
    ],
)
def test_lines_that_say_where_the_pages_are_are_read(line: str, *, read: bool) -> None:
    done = subprocess.run(
        ["grep", "-aiE", "-e", SETTING], input=f"{line}\n", text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.rstrip("\n")) == ((0, line) if read else (1, ""))
