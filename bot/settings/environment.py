"""The environment variables."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.domain.errors import ConfigError
from bot.domain.fleet import Port

_APP = "https://api.slack.com/apps, your app"


def _require_private(url: str) -> str:
    """Tokens travel to this address."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
        raise ValueError("expected https://…, or http://… on this machine")
    return url if url.endswith("/") else url + "/"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Variables(BaseSettings):
    """A variable that is empty counts as absent; no message shows a value."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def find(cls) -> Self:
        """Read the variables. Raises ConfigError that names every one that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [
                f"{each['loc'][0]}: {each['msg'].removeprefix('Value error, ')}"
                for each in error.errors(include_input=False)
            ]
            raise ConfigError("\n".join(["The environment is wrong:", *wrong])) from None


class Folder(_Variables):
    """Where our files are."""

    data: Path = Field(default=Path("data"), validation_alias="CLONEBOT_DATA")


class Environment(Folder):
    """What the environment says."""

    bot_token: SecretStr = Field(default=SecretStr(""), validation_alias="SLACK_BOT_TOKEN")
    app_token: SecretStr | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    """Present: Socket Mode; absent: HTTP."""
    signing_secret: SecretStr = Field(default=SecretStr(""), validation_alias="SLACK_SIGNING_SECRET")
    api_url: Annotated[str, AfterValidator(_require_private)] = Field(
        default="https://slack.com/api/", validation_alias="SLACK_API_URL"
    )
    port: Port = Field(default=3000, validation_alias="PORT")
    bind: str = Field(default="127.0.0.1", validation_alias="BIND")
    notify_socket: str = Field(default="", validation_alias="NOTIFY_SOCKET")
    """Where systemd, if that started us, wants to hear that we serve."""
    config: Path = Field(default=Path("clonebot.toml"), validation_alias="CLONEBOT_CONFIG")

    @classmethod
    def read(cls) -> Self:
        """Read all of it. Raises ConfigError that names every variable that is wrong or missing."""
        environment = cls.find()
        missing = list(_missing(environment))
        if missing:
            raise ConfigError("\n".join(["The environment lacks what Slack needs:", *missing]))
        return environment

    @staticmethod
    def data_folder() -> Path:
        """Where our files are, for commands that need nothing else."""
        return Folder.find().data


def _missing(environment: Environment) -> Iterator[str]:
    """What is needed to talk to Slack, and where it comes from."""
    bot, app = environment.bot_token, environment.app_token
    if not bot.get_secret_value().startswith("xoxb-"):
        yield f"SLACK_BOT_TOKEN {_how(bot)} (xoxb-…): {_APP}, OAuth & Permissions"
    if app and not app.get_secret_value().startswith("xapp-"):
        yield f"SLACK_APP_TOKEN {_how(app)} (xapp-…): {_APP}, Basic Information, App-Level Tokens"
    if not app and not environment.signing_secret:
        yield (
            f"SLACK_APP_TOKEN {_how(app)} (xapp-…, with connections:write): {_APP}, Basic Information, "
            "App-Level Tokens; or, to serve HTTP instead, SLACK_SIGNING_SECRET: Basic Information, "
            "App Credentials"
        )


def _how(token: SecretStr | None) -> str:
    return "is not such a token" if token else "is missing"
