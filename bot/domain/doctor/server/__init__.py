"""The pitfalls that are seen on the server itself, each a small check of facts."""

from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.finding import Examination
from bot.domain.doctor.server.check import Check
from bot.domain.doctor.server.containers import CONTAINERS
from bot.domain.doctor.server.content import CONTENT
from bot.domain.doctor.server.databases import DATABASES
from bot.domain.doctor.server.first_boot import FIRST_BOOT
from bot.domain.doctor.server.health import HEALTH
from bot.domain.doctor.server.identity import IDENTITY
from bot.domain.doctor.server.lacking import LACKING
from bot.domain.doctor.server.network import NETWORK
from bot.domain.doctor.server.powers import POWERS
from bot.domain.doctor.server.rewriting import REWRITING
from bot.domain.doctor.server.secrets import SECRETS
from bot.domain.doctor.server.services import SERVICES
from bot.domain.doctor.server.strays import STRAYS
from bot.domain.doctor.server.volumes import VOLUMES
from bot.domain.doctor.server.work import WORK
from bot.domain.doctor.server.writes import WRITES
from bot.domain.fleet import FleetSpec

CHECKS: tuple[Check, ...] = (
    *WORK,
    *DATABASES,
    *REWRITING,
    *CONTAINERS,
    *CONTENT,
    *WRITES,
    *STRAYS,
    *HEALTH,
    *SECRETS,
    *POWERS,
    *IDENTITY,
    *FIRST_BOOT,
    *LACKING,
    *VOLUMES,
    *SERVICES,
    *NETWORK,
)


def examine_server(facts: ServerFacts, spec: FleetSpec) -> Examination:
    """Judge what was seen of a master. The recipe counts: what it takes care of blocks nothing."""
    return Examination(
        findings=tuple(finding for check in CHECKS for finding in check.findings(facts, spec)),
        not_checked=tuple(dict.fromkeys(each for check in CHECKS for each in check.not_checked(facts))),
        whole=facts.whole,
    )
