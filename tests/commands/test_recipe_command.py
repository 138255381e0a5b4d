"""What `recipe` says will happen on a clone."""

from dataclasses import replace

from bot.domain.first_boot import user_data
from bot.domain.fleet import Recipe, Rewrite, Template, Writes
from tests.commands.examples import EVE, a_fleet, a_spec, answer

FULL = Recipe(
    services=("mariadb",),
    jobs=("/etc/cron.d/billing",),
    rewrite=(Rewrite(file="/etc/club.conf", find="localhost", replace="{{ master.private_ip }}"),),
    template=(Template(file="/etc/role", text="{{ instance.id }} of {{ fleet.name }}\n"),),
    restart=("club",),
    remove=("/root/*.pem",),
    clean=("/run/club/",),
    spools=("/var/spool/postfix",),
    agents=("wazuh",),
)

PROVED = (
    "• health page, content, SSH host keys, machine-id, hostname, `mariadb` off, `/etc/cron.d/billing` off, "
    "`/etc/club.conf`, `/root/*.pem`, `/etc/role written`, `/run/club/`, `/var/spool/postfix`, `agent wazuh`"
)
SECRETS = (
    "*No secrets here*: every program on a clone can read its user data, and plans and the audit log keep "
    "the recipe. Let clones have a secret from the image, or fetch it where the master does."
)


def test_it_says_in_words_and_in_order_what_happens_on_a_clone() -> None:
    fleet = a_fleet(spec=a_spec(recipe=FULL))
    said = answer("recipe web", fleet, person=EVE).splitlines()
    size = len(user_data(fleet.spec).encode())
    assert said == [
        "*web*: what makes a clone of i-0000000000000000a, in this order",
        f"*Before anything starts*, by cloud-init, from user data of {size} bytes (EC2 takes 16384):",
        "• take off the jobs `/etc/cron.d/billing`",
        "• stop and mask for good `mariadb`",
        "• remove `/root/*.pem`",
        "• remove what came with the image of `/run/club/`",
        "• remove what waits in `/var/spool/postfix`",
        "• let forget which server this is `wazuh`",
        "• a machine-id of its own, the host name `web-clone-` with its id behind it, new SSH host keys",
        "*Over SSH*, once it answers:",
        "• the same again, where cloud-init left something to do",
        "• in `/etc/club.conf`, `localhost` becomes `10.0.0.1`",
        "• write `/etc/role` anew: 14 bytes, `its id of web`",
        "• restart `club`",
        "• copy /var/www from 10.0.0.1, where it differs",
        "*Proved* before it serves:",
        PROVED,
        SECRETS,
        "*The user data*, as cloud-init gets it:",
        *[f"`{line}`" for line in user_data(fleet.spec).splitlines() if line.strip()],
    ]
    assert said[-1] == "`  fi`"


def test_where_clones_pass_writes_on_it_says_which_and_to_whom() -> None:
    writes = Writes(by="proxy", methods=("POST",), prefixes=("/upload",))
    said = answer("recipe web", a_fleet(spec=a_spec(writes=writes)))
    assert "• let its web server pass writes (POST, /upload) on to 10.0.0.1" in said


def test_user_data_that_is_packed_is_said_to_be() -> None:
    long = replace(FULL, remove=tuple(f"/srv/old/{number}/file" for number in range(500)))
    assert ", packed " in answer("recipe web", a_fleet(spec=a_spec(recipe=long))).splitlines()[1]
