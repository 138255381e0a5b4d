"""Who a server is: keys, names and ids that a clone must not share, and how it gets its own."""

import re
from collections import Counter
from collections.abc import Iterator

from bot.domain.doctor.facts import Kind, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, FIXED, WARNS, Check, Sign
from bot.domain.doctor.server.first_boot import obstacles
from bot.domain.doctor.server.recipe import may_differ, rewrites, takes_away
from bot.domain.fleet import FleetSpec

_KEYS = "/etc/ssh/ssh_host_*_key"
_OWN_KEY = re.compile(r"HostKey\s+(?P<path>/(?!etc/ssh/ssh_host_)\S+)", re.IGNORECASE)
_KEEPS_KEYS = re.compile(r"ssh_deletekeys\s*:\s*(false|no|0)\b", re.IGNORECASE)
_SAME_INSTANCE = re.compile(r"manual_cache_clean\s*:\s*(true|yes|1)\b", re.IGNORECASE)
_NO_SOURCE = re.compile(r"datasource_list\s*:\s*\[\s*(None)?\s*\]", re.IGNORECASE)
_MAIL_NAME = re.compile(
    r"(myhostname|dc_other_hostnames|dc_readhost|primary_hostname|helo_name)\s*=\s*(?P<name>\S+)"
)
_INSTANCE = re.compile(
    r"(?i)\b(jvmRoute|(worker|node|instance|machine|consumer|server|broker|shard)[._-]?(id|name|number)|node\.name)\b"
    r"['\"]?\s*(=>|=|:)\s*['\"]?[\w-]"
)
_OF_SYSTEM = (
    "/etc/mysql", "/etc/postgresql", "/etc/cloud", "/etc/redis", "/etc/ssh", "/etc/systemd", "/etc/hosts",
    "/etc/nginx", "/etc/apache2", "/etc/php", "/etc/dhcp", "/etc/security", "/etc/udev",
)  # fmt: skip
_LICENCE = re.compile(r"(?i).+\.lic|licen[cs]e\.(key|dat|xml|lic|json)|.*\.licen[cs]e")
_LICENSED = re.compile(
    r"(?i)plesk|cpanel|ioncube|zend-?guard|zendserver|litespeed|directadmin|oracle|matlab|sqlserver|mssql"
)


def host_keys(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """SSH host keys: cloud-init makes new ones at first boot, if it is let."""
    keeps = [line.file for line in facts.settings if _KEEPS_KEYS.search(line.text) and "cloud" in line.file]
    for line in facts.settings:
        own = _OWN_KEY.match(line.text) if line.file.startswith("/etc/ssh/") else None
        if own:
            what = f"{line.file} names {own['path']}, of which cloud-init makes no new one for clones."
            yield Sign(BLOCKS, own["path"], what, f"Use the keys in {_KEYS}.")
    for each in obstacles(facts):
        what = f"{each.what}, so nothing gives clones SSH host keys of their own."
        yield Sign(BLOCKS, _KEYS, what, each.remedy)
    if keeps:
        what = f"{keeps[0]} says ssh_deletekeys: false, so clones would keep the master's SSH host keys."
        yield Sign(BLOCKS, keeps[0], what, "Remove that line.")
    else:
        what = "Clones get SSH host keys of their own at first boot; each is proved."
        yield Sign(FIXED, _KEYS, what, "Nothing.")


def machine_id(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """The machine-id: first boot gives each clone its own."""
    yield Sign(FIXED, "/etc/machine-id", "Clones get a machine-id of their own; each is proved.", "Nothing.")
    for file in facts.agents:
        if file.path == "/var/lib/dbus/machine-id" and file.kind is Kind.FILE:
            yield Sign(FIXED, file.path, f"Clones get their own machine-id in {file.path} too.", "Nothing.")
        elif file.path == "/etc/hostid":
            what = f"{file.path} says which host this is, and every clone would say the same."
            yield Sign(WARNS, file.path, what, "Remove it: then it comes from the address.")


def cloud_init(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """What makes cloud-init take a clone for the master, or run what was meant for the master."""
    for line in facts.settings:
        if "cloud" in line.file and _SAME_INSTANCE.search(line.text):
            what = f"{line.file} says manual_cache_clean: a clone would take itself for the master."
            yield Sign(BLOCKS, line.file, what, "Remove that line, and run `sudo cloud-init clean` never.")
        elif "cloud" in line.file and _NO_SOURCE.search(line.text):
            what = f"{line.file} lets cloud-init ask nobody, so a clone would take itself for the master."
            yield Sign(BLOCKS, line.file, what, "Let datasource_list hold Ec2.")
    for file in facts.places:
        runs = re.match(r"/var/lib/cloud/scripts/per-(boot|instance)/", file.path)
        if runs and not may_differ(spec.recipe, file.path):
            what = f"{file.path} runs at the first boot of every clone."
            yield Sign(
                BLOCKS,
                file.path,
                what,
                "Remove it, or, if every server should, name it in recipe.everywhere.",
            )


def logins(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Keys that open accounts: an image carries them to every clone."""
    keys = Counter(line.file for line in facts.authorized_keys)
    for file, number in sorted(keys.items()):
        ours = file.startswith(f"/home/{spec.ssh.user}/") and number == 1
        if not ours and not may_differ(spec.recipe, file):
            named = [line.text for line in facts.authorized_keys if line.file == file][:3]
            keys_told = "1 key" if number == 1 else f"{number} keys"
            what = f"{file} lets {keys_told} into every clone ({', '.join(named)})."
            remedy = "Remove keys that nobody needs before the image is made"
            if takes_away(spec.recipe, file):
                yield Sign(FIXED, file, f"{file} lets nobody into clones; each is proved.", "Nothing.")
            elif file.startswith(f"/home/{spec.ssh.user}/"):
                yield Sign(WARNS, file, what, f"{remedy}.")
            else:
                yield Sign(WARNS, file, what, f"{remedy}, or name {file!r} in recipe.remove.")


def names(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """The host name: first boot sets it; mail servers may have written it down."""
    yield Sign(
        FIXED, f"hostname {facts.hostname}", "Clones get host names of their own; each is proved.", "Nothing."
    )
    for line in facts.settings:
        match = _MAIL_NAME.match(line.text)
        literal = (
            match
            and not match["name"].startswith("$")
            and match["name"].strip("'\"") not in {"", "localhost"}
        )
        if literal and not rewrites(spec, line.file, line.text) and not may_differ(spec.recipe, line.file):
            what = f"{line.file} names this server to other mail servers, and so would every clone."
            yield Sign(
                WARNS, line.file, what, "Add a recipe.rewrite for it, or send mail through the master."
            )
    for line in facts.settings:
        address, *given = line.text.split() or [""]
        ours = facts.hostname in given or address in facts.addresses
        if line.file == "/etc/hosts" and ours and not address.startswith(("127.", "::1")):
            what = f"/etc/hosts gives {' '.join(given)} an address that a clone does not have."
            yield Sign(WARNS, "/etc/hosts", what, "Remove the line, or add a recipe.rewrite for it.")


def _is_literal(name: str) -> bool:
    return not name.startswith("$") and name.strip("'\"") not in {"", "localhost"}


def instance_ids(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Ids that an application gives each of its servers."""
    for line in facts.settings:
        if _INSTANCE.search(line.text) and not line.file.startswith(_OF_SYSTEM):
            settled = rewrites(spec, line.file, line.text) or may_differ(spec.recipe, line.file)
            if not settled:
                what = f"{line.file} gives this server an id, and every clone would have the same."
                yield Sign(
                    WARNS, line.file, what, "Add a recipe.rewrite that makes it {{ clone.private_ip }}."
                )


def licences(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Licences that count servers, or are bound to one."""
    for file in (*facts.places, *facts.content):
        name = file.path.rpartition("/")[2]
        if _LICENCE.fullmatch(name) and not may_differ(spec.recipe, file.path):
            what = f"{file.path} may license this server alone, or count servers."
            yield Sign(WARNS, file.path, what, "Ask who sold it; then name it in recipe.everywhere.")
    for package in facts.packages:
        if _LICENSED.search(package) and package not in spec.recipe.everywhere:
            yield Sign(
                WARNS,
                package,
                f"{package} is licensed by server.",
                "Ask who sold it; then name it in recipe.everywhere.",
            )


def first_boot(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Commands that cloud-init runs at the first boot of whatever starts from the image."""
    for line in facts.settings:
        runs = line.file.startswith("/etc/cloud/") and re.match(r"(run|boot)cmd\s*:", line.text)
        if runs and not may_differ(spec.recipe, line.file):
            what = f"{line.file} has commands that cloud-init runs at the first boot of every clone."
            remedy = "Remove them, or, if every server should run them, name the file in recipe.everywhere."
            yield Sign(BLOCKS, line.file, what, remedy)


IDENTITY = (
    Check("host-keys", 1, host_keys, ("settings", "units", "cloud_init")),
    Check("machine-id", 2, machine_id, ()),
    Check("cloud-init", 3, cloud_init, ("settings", "places")),
    Check("first-boot", 3, first_boot, ("settings",)),
    Check("logins", 4, logins, ("authorized_keys",)),
    Check("names", 5, names, ("settings",)),
    Check("instance-ids", 13, instance_ids, ("settings",)),
    Check("licences", 14, licences, ("places", "packages")),
)
