"""Secrets that an image would carry to every clone, and to whoever may start one."""

import re
from collections.abc import Iterator
from posixpath import basename

from bot.domain.doctor.facts import Kind, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.doctor.server.recipe import may_differ
from bot.domain.fleet import FleetSpec

_OF_CLOUDS = re.compile(r".*/(\.aws/credentials|\.boto|\.s3cfg|\.config/gcloud/.+|rclone\.conf)")
_HISTORY = re.compile(r"\.\w*history")
_LOGIN = re.compile(r"\.(pgpass|my\.cnf|netrc|git-credentials|npmrc|pypirc|htpasswd)|kubeconfig|.*\.kdbx")
_KEY = re.compile(r".*\.(pem|key|ppk|p12|pfx|jks)|id_\w+")
_DUMP = re.compile(r".*\.(sql|sql\.gz|dump)")
_EXAMPLE = re.compile(
    r".*(snakeoil|example|sample|\.dist$|\.template$|/test/|/tests/|cacert|ca-bundle|ca\.pem).*"
)
_OF_PACKAGES = (
    "/etc/nsswitch.conf", "/etc/debconf.conf", "/etc/login.defs", "/etc/ssl/openssl.cnf", "/etc/pam",
    "/etc/security", "/etc/ssh/ssh", "/etc/sudo", "/etc/adduser", "/etc/deluser", "/etc/php/",
    "/etc/apparmor", "/etc/cloud/", "/etc/postgresql-common", "/etc/dbus", "/etc/polkit", "/etc/vim",
    "/etc/mime", "/etc/default/", "/etc/gshadow", "/etc/passwd", "/etc/group", "/etc/subuid",
    "/etc/cron", "/etc/init", "/etc/wgetrc", "/etc/perl", "/etc/python", "/usr/share/",
)  # fmt: skip
_REMEDY = "Keep it in a secret store, or encrypt the image and share it with nobody."


def secrets(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Files that hold secrets: by what is in them, and by their names."""
    for path, what in _found(facts):
        if may_differ(spec.recipe, path) or path.startswith(_OF_PACKAGES) or _EXAMPLE.fullmatch(path):
            continue
        if _OF_CLOUDS.fullmatch(path):
            told = f"{path} gives every clone, and whoever breaks into one, the master's powers in the cloud."
            yield Sign(BLOCKS, path, told, "Use a role of the instance instead, and remove the file.")
        else:
            yield Sign(WARNS, path, f"{path} holds {what}, and every clone and image would too.", _REMEDY)


def _found(facts: ServerFacts) -> Iterator[tuple[str, str]]:
    read = set(facts.secrets)
    for path in facts.secrets:
        yield path, "a private key" if _KEY.fullmatch(basename(path)) else "a password or a token"
    for file in (*facts.places, *facts.content):
        name = basename(file.path)
        if file.kind is not Kind.FILE or not file.size or file.path in read:
            continue
        if _OF_CLOUDS.fullmatch(file.path) or _LOGIN.fullmatch(name):
            yield file.path, "a login"
        elif _HISTORY.fullmatch(name):
            yield file.path, "what was typed, perhaps with passwords"
        elif name == ".env" or name.startswith(".env."):
            yield file.path, "the settings of an application, perhaps with passwords"
        elif name.endswith((".p12", ".pfx", ".jks")):
            yield file.path, "a private key"
        elif _DUMP.fullmatch(name):
            yield file.path, "a copy of a database"


SECRETS = (Check("secrets", 19, secrets, ("settings", "places", "content")),)
