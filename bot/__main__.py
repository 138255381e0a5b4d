"""The `clonebot` command line."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Literal

import click

from bot import __version__
from bot.domain.errors import AddressTaken, BotError, ChatUnavailable, RecordsError
from bot.settings import Environment, load


class _Group(click.Group):
    def invoke(self, context: click.Context) -> object:
        """Turn our own errors into one message and exit status 2."""
        try:
            return super().invoke(context)
        except BotError as error:
            click.echo(f"clonebot: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """Turn one hand-built EC2 server into a fleet of clones behind a load balancer, and back, from Slack."""


@main.command()
def serve() -> None:
    """Serve Slack until stopped: by Socket Mode if there is SLACK_APP_TOKEN, else over HTTP.

    Exits with 0 if it was stopped, 1 if the same may work later (Slack does not answer, nothing can be
    recorded, the port is taken), 2 if somebody must correct something first (environment, fleet file, token).
    """
    from bot.app import configure_logs  # noqa: PLC0415 (the other commands need none of the libraries)

    configure_logs()
    try:
        _serve(Environment.read())
    except (AddressTaken, ChatUnavailable, RecordsError) as error:
        click.echo(f"clonebot: {error}", err=True)
        sys.exit(1)


def _serve(environment: Environment) -> None:
    if environment.app_token:
        from bot.serve import serve as serve_socket_mode  # noqa: PLC0415 (the same)

        serve_socket_mode(environment, environment.app_token.get_secret_value())
    else:
        from bot.serve_http import serve_http  # noqa: PLC0415 (the same, and gunicorn)

        serve_http(environment)


@main.command()
@click.option("--run", "texts", multiple=True, metavar="TEXT", help="Do this without a person; repeatable.")
@click.option("--as", "person", default="bob", show_default=True, help="Who asks, with --run.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".lab"), show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The page's port; by default a free one."
)
@click.option("--http", is_flag=True, help="Let Slack reach the bot over HTTP instead of Socket Mode.")
@click.option("--alone", is_flag=True, help="Let the site's server stand alone, for `/clone adopt`.")
def lab(  # noqa: PLR0913 (every option has a name)
    texts: tuple[str, ...], person: str, folder: Path, port: int, *, http: bool, alone: bool
) -> None:
    """Run everything on this machine: a small AWS, a small Slack, a site, and the bot."""
    from bot.lab.visit import show, work  # noqa: PLC0415 (only in the lab is the extra `lab` installed)

    transport: Literal["socket", "http"] = "http" if http else "socket"
    if alone and texts:
        raise click.UsageError("--alone is for a person; leave out --run.")
    sys.exit(
        work(folder, texts, person, transport) if texts else show(folder, port, transport, balanced=not alone)
    )


@main.command()
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one JSON object per line.")
@click.option("--no-wait", is_flag=True, help="Return once the plan is recorded.")
def run(text: str, *, as_json: bool, no_wait: bool) -> None:
    """Do without Slack what `/clone TEXT` does: clonebot run "scale 4".

    You are who the fleet file's table [terminal] says that your operating-system user is. Exits with
    0 if it is done, 1 if it is not, was refused or failed, 2 if the usage or the configuration is wrong.
    """
    from bot.run import run as run_text  # noqa: PLC0415 (kept out of the other commands' start)

    sys.exit(run_text(text, as_json=as_json, wait=not no_wait))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def check(*, as_json: bool) -> None:
    """Look whether everything that the bot needs is there, and change nothing.

    One line for each thing: right, wrong and what to do, or not provable now. Exits with 0 if nothing is
    wrong, 1 if something is, 2 if it is the environment or the fleet file. It ends within two minutes.
    """
    from bot.app import configure_logs, probes  # noqa: PLC0415 (kept out of the other commands' start)
    from bot.check.report import check as check_all  # noqa: PLC0415 (the same)

    configure_logs(logging.CRITICAL)
    status = check_all(probes, as_json=as_json)
    sys.stdout.flush()
    os._exit(status)  # whatever hangs still must not keep us


@main.group()
def config() -> None:
    """Work on the fleet file."""


@config.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def config_check(file: Path | None) -> None:
    """Check the fleet file alone: CLONEBOT_CONFIG, or FILE.

    Each problem is told with file, line and key; then the exit status is 2.
    """
    from bot.check.report import describe  # noqa: PLC0415 (kept out of the other commands' start)

    path = file or Environment.find().config
    click.echo(f"{path}: {describe(load(path))}: no problem found.")


@main.command("iam-policy")
@click.argument("part", metavar="PART", type=click.Choice(["servers", "balancers"]))
@click.option("--for", "file", type=click.Path(path_type=Path), help="Narrow it to this fleet file's fleets.")
def iam_policy(part: str, file: Path | None) -> None:
    """Print one of the two IAM policies that the bot needs: PART is `servers` or `balancers`.

    Together they allow exactly what the bot calls. Each fits into a managed policy; attach both.
    """
    from bot.aws import policy  # noqa: PLC0415 (kept out of the other commands' start)
    from bot.aws.cloud import PERMISSIONS  # noqa: PLC0415 (the same)

    scope = policy.scope_of(load(file).fleets) if file else policy.ANYWHERE
    document = policy.write_policy(policy.of_part(PERMISSIONS, policy.Part(part)), scope)
    policy.require_fitting(document)
    click.echo(json.dumps(document, indent=2))


@config.command("suggest")
@click.argument("server", metavar="I-…")
@click.option("--fleet", default="", help="The fleet's name. Default: the server's tag Name, or web.")
@click.option("--region", default="", help="Default: the one that AWS_… or AWS's own files name.")
@click.option("--ssh-user", default="admin", show_default=True, help="The account to log in with.")
@click.option(
    "--ssh-key", default="", metavar="FILE", help="Its private key. Without one, only AWS is asked."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=22, show_default=True, help="Where sshd listens."
)
@click.option("--root", default="/", show_default=True, help="Where paths on the server begin.")
@click.option("--no-sudo", is_flag=True, help="Do not use sudo there; less can be read then.")
@click.option("--host-key", multiple=True, metavar="KEY", help="Where the console shows none; repeatable.")
@click.option("--channel", default="", metavar="C…", help="The id of the fleet's Slack channel.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this new file instead of printing.")
def config_suggest(server: str, output: Path | None, **said: Any) -> None:
    """Write a first fleet file for the EC2 server I-…, for you to edit.

    It asks AWS, looks at the server over SSH at its lowest priority, and changes nothing. What it finds
    stands there with the reason, what it cannot find as FILL IN or as a comment. Exits with 2, and writes
    nothing, if the server cannot be found, reached or cloned.
    """
    from bot.app import configure_logs  # noqa: PLC0415 (kept out of the other commands' start)
    from bot.suggest import read_wish, suggest_file  # noqa: PLC0415 (the same)

    configure_logs(logging.ERROR)
    suggest_file(server, read_wish(server, **said), output)


@main.group()
def audit() -> None:
    """Read the audit log."""


@audit.command()
def verify() -> None:
    """Check that no row of the log is missing or was changed."""
    from bot.records.log import SqliteRecords  # noqa: PLC0415 (kept out of the other commands' start)

    records = SqliteRecords(Environment.data_folder() / "records.db")
    fault = records.first_fault()
    if fault:
        raise BotError(f"The audit log is not whole: {fault}.")
    click.echo("The audit log is whole.")


if __name__ == "__main__":
    main(prog_name="clonebot")
