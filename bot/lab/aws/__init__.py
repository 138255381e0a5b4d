"""AWS on this machine: moto with real hosts behind its instances."""

from bot.lab.aws.calls import Call, CallLog, Moment
from bot.lab.aws.faults import Fate, Fault, Faults, Kind
from bot.lab.aws.furnish import Furnished, furnish
from bot.lab.aws.hosts import NO_DELAYS, Delays, Hosts
from bot.lab.aws.local import REGION, LocalAws
from bot.lab.aws.network import Network, NoFreeNetworkError, claim_network

__all__ = [
    "NO_DELAYS",
    "REGION",
    "Call",
    "CallLog",
    "Delays",
    "Fate",
    "Fault",
    "Faults",
    "Furnished",
    "Hosts",
    "Kind",
    "LocalAws",
    "Moment",
    "Network",
    "NoFreeNetworkError",
    "claim_network",
    "furnish",
]
