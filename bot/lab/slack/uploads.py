"""Files that the bot uploads."""

import mimetypes
import secrets
from dataclasses import dataclass, field

from bot.lab.slack.board import Json


@dataclass(slots=True, kw_only=True)
class File:
    """A file: announced first, then sent, then shared."""

    name: str
    length: int
    user: str
    alt_text: str = ""
    title: str = ""
    data: bytes | None = None
    channel: str = ""
    id: str = field(default_factory=lambda: "F" + secrets.token_hex(5).upper())
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """Part of the address at which it is taken, once."""

    @property
    def media_type(self) -> str:
        """What its name says it is."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def describe(self, url: str) -> Json:
        """Word it as Slack does; `url` is the workspace's."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.media_type,
            "filetype": self.name.rpartition(".")[2],
            "size": self.length,
            "user": self.user,
            "mode": "hosted",
            "is_external": False,
            "alt_txt": self.alt_text,
            "url_private": f"{url}/files/{self.id}/{self.name}",
            "channels": [self.channel] if self.channel else [],
        }
