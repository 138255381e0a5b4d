"""Finds a free `127.N.0.0/16` and holds it, so that several labs can run at once."""

import socket
from dataclasses import dataclass

from bot.domain.errors import BotError

FIRST, LAST = 64, 250
CLAIM_PORT = 7999


@dataclass(frozen=True, slots=True)
class Network:
    """A loopback network that no other lab has while this one is open."""

    number: int
    claim: socket.socket

    @property
    def prefix(self) -> str:
        """How its addresses begin."""
        return f"127.{self.number}"

    def close(self) -> None:
        """Let others have it."""
        self.claim.close()


class NoFreeNetworkError(BotError):
    """Every network that a lab may use is taken."""


def claim_network(first: int = FIRST, last: int = LAST) -> Network:
    """Hold the first free network by listening on its address 127.N.255.254."""
    for number in range(first, last + 1):
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((f"127.{number}.255.254", CLAIM_PORT))
            claim.listen(1)
        except OSError:
            claim.close()
        else:
            return Network(number, claim)
    raise NoFreeNetworkError(f"All of 127.{first}.0.0/16 to 127.{last}.0.0/16 are in use by other labs.")
