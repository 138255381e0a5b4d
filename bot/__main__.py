"""The `clonebot` command line."""

import sys
from pathlib import Path
from typing import Literal

import click

from bot.domain.errors import BotError
from bot.settings import Environment


class _Group(click.Group):
    def invoke(self, context: click.Context) -> object:
        """Turn our own errors into one message and exit status 2."""
        try:
            return super().invoke(context)
        except BotError as error:
            click.echo(f"clonebot: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group)
@click.version_option(package_name="clonebot")
def main() -> None:
    """Turn one hand-built EC2 server into a fleet of clones behind a load balancer, and back, from Slack."""


@main.command()
def serve() -> None:
    """Serve Slack until stopped: by Socket Mode if there is SLACK_APP_TOKEN, else over HTTP."""
    from bot.app import configure_logs  # noqa: PLC0415 (the other commands need none of the libraries)

    configure_logs()
    environment = Environment.read()
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
def lab(texts: tuple[str, ...], person: str, folder: Path, port: int, *, http: bool) -> None:
    """Run everything on this machine: a small AWS, a small Slack, a site, and the bot."""
    from bot.lab.visit import show, work  # noqa: PLC0415 (only in the lab is the extra `lab` installed)

    transport: Literal["socket", "http"] = "http" if http else "socket"
    sys.exit(work(folder, texts, person, transport) if texts else show(folder, port, transport))


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
    main()
