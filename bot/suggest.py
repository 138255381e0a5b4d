"""Writes a first fleet file: asks AWS and the server, lets the domain decide, prints or keeps the draft."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from bot.aws.scout import AwsScout
from bot.domain.doctor.facts import ServerFacts
from bot.domain.errors import ConfigError, ServerUnreachable, UsageError
from bot.domain.fleet import Ssh
from bot.domain.shape import NAME, misshapen
from bot.domain.suggestion.draft import Draft, Wish
from bot.domain.suggestion.site import look_closer, provisional
from bot.domain.suggestion.suggest import suggest
from bot.domain.suggestion.surroundings import Surroundings, refuse_unfit
from bot.settings.draft import write
from bot.ssh.servers import SshServers

_OPTIONS = {"master": "I-…", "ssh.user": "--ssh-user", "ssh.master_host_keys": "--host-key"}


def read_wish(  # noqa: PLR0913 (what a person may say, all by name)
    server: str,
    *,
    fleet: str,
    region: str,
    channel: str,
    ssh_user: str,
    ssh_key: str,
    port: int,
    root: str,
    no_sudo: bool,
    host_key: tuple[str, ...],
) -> Wish:
    """Understand the options. Raises UsageError that names the one that is wrong."""
    said = {
        "master": server,
        "ssh": {"user": ssh_user, "master_host_keys": list(host_key)},
        **({"region": region} if region else {}),
        **({"channel": channel} if channel else {}),
    }
    if fleet and not NAME.fullmatch(fleet):
        raise UsageError("--fleet: expected small letters, digits and hyphens, at most 31, a letter first.")
    for key, expected in misshapen(said):
        name = ".".join(part for part in key if isinstance(part, str))
        raise UsageError(f"{_OPTIONS.get(name, f'--{name}')}: expected {expected}.")
    ssh = Ssh(
        user=ssh_user,
        key_file=str(Path(ssh_key).expanduser().absolute()),
        port=port,
        root=root,
        sudo=not no_sudo,
        master_host_keys=host_key,
    )
    return Wish(fleet=fleet, region=region, channel=channel, ssh=ssh if ssh_key else None)


def suggest_file(server: str, wish: Wish, output: Path | None) -> None:
    """Print the draft, or keep it in `output`. Raises BotError; then nothing is written."""
    if output:
        _refuse_to_overwrite(output)
    scout = AwsScout()
    region = scout.region(wish.region)
    around = scout.look(region, server)
    refuse_unfit(around)
    wish = replace(wish, region=region, fleet=wish.fleet or around.fleet_name)
    draft = suggest(wish, around, _look(wish, around, scout) if wish.ssh else None)
    text = write(draft, made_by=f"clonebot config suggest {server}")
    if output:
        _keep(output, text, draft)
    else:
        click.echo(text, nl=False)


def _look(wish: Wish, around: Surroundings, scout: AwsScout) -> ServerFacts:
    """Look at the server; once more where its pages turn out to be elsewhere."""
    spec, master = provisional(wish, around), around.server
    keys = spec.ssh.master_host_keys or scout.host_keys(spec.region, master.id)
    if not keys:
        raise ServerUnreachable(
            f"The console of {master.id} does not show its SSH host keys (any more), so another server could "
            "pretend to be it. Type `cat /etc/ssh/ssh_host_ed25519_key.pub` on it, and pass that here: "
            "--host-key 'ssh-ed25519 AAAA…'."
        )
    with closing(SshServers(lambda _spec, _server: keys)) as servers:
        facts = servers.inspect(spec, master)
        closer = look_closer(spec, facts)
        return servers.inspect(closer, master) if closer else facts


def _refuse_to_overwrite(output: Path) -> None:
    if output.exists() or output.is_symlink():
        raise ConfigError(f"{output} is there already, and stays as it is. Name another file with --output.")


def _keep(output: Path, text: str, draft: Draft) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_to_overwrite(output)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(
        f"{output}: {draft.asked} places to FILL IN. Then type: clonebot config check {output}", err=True
    )
