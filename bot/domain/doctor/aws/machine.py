"""The instance itself: its user data, role, metadata service, price, and that it alone serves."""

from collections.abc import Iterator

from bot.domain.doctor.aws.facts import AwsFacts
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.fleet import FleetSpec, State

_FREE = frozenset({"", "Linux/UNIX"})


def user_data(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """User data: clones start without the master's."""
    if facts.user_data:
        yield Finding(
            check="user-data",
            pitfall=3,
            severity=Severity.FIXED,
            what="The master was started with user data; clones start without it, so nothing of it runs "
            "again.",
            where=facts.master,
            remedy="Nothing, unless it does something at every boot: then let a service of the master do it.",
        )


def secrets_in_user_data(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Secrets in user data: every program can read them, and cloud-init keeps a copy on the disk."""
    if facts.secrets:
        yield Finding(
            check="user-data-secrets",
            pitfall=39,
            severity=Severity.WARNS,
            what=f"The master's user data seems to hold {', '.join(facts.secrets)}: every program there can "
            "read it, and cloud-init's copy of it under /var/lib/cloud goes into the image.",
            where=facts.master,
            remedy="Move it to a secret store, change it, and remove it from the user data.",
        )


def metadata(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """The metadata service: clones are started stricter than the master."""
    loose = [*(["without a token (IMDSv1)"] if facts.asks_without_token else [])]
    loose += [f"up to {facts.hops} hops away"] if facts.hops > 1 else []
    if loose:
        yield Finding(
            check="metadata-service",
            pitfall=39,
            severity=Severity.FIXED,
            what=f"The master's metadata service answers {' and '.join(loose)}; a clone's asks for a token "
            "and answers the clone alone, not its containers.",
            where=facts.master,
            remedy="Nothing, unless a program needs the old way: IMDSv2 has been in every AWS SDK since "
            "2019.",
        )


def product_codes(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Marketplace product codes: the image carries them, and each clone pays."""
    for code in dict.fromkeys((*facts.product_codes, *facts.image_codes)):
        yield Finding(
            check="product-code",
            pitfall=15,
            severity=Severity.WARNS,
            what="The master carries a product code of the AWS Marketplace; the image carries it too, and "
            "every clone costs its price beside AWS's own, which plans do not show.",
            where=code,
            remedy="Look up its price and terms in the Marketplace, and add it to `price_per_hour`.",
        )


def licence(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """An operating system that AWS bills by the server; people switch to one also on a running server."""
    if facts.platform not in _FREE:
        yield Finding(
            check="licence-included",
            pitfall=15,
            severity=Severity.WARNS,
            what=f"AWS bills a licence of {facts.platform} with the master; the image carries it too, and "
            "every clone costs it.",
            where=facts.platform,
            remedy="See that `price_per_hour` holds it.",
        )


def role(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """The IAM role: clones have none."""
    if facts.profile:
        yield Finding(
            check="iam-role",
            pitfall=18,
            severity=Severity.WARNS,
            what="The master has an IAM role; clones start without one, so that what the site does with AWS "
            "fails on them.",
            where=facts.profile,
            remedy="See what uses it (backups, mail, uploads to S3), and let the recipe stop that on clones, "
            "or send those requests to the master.",
        )


def stopped(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """A stopped master: no image is made of it, and it costs all the same."""
    if facts.state is not State.RUNNING:
        yield Finding(
            check="stopped-master",
            pitfall=47,
            severity=Severity.WARNS,
            what=f"The master is {facts.state}: it makes no image, and its disks and addresses go on "
            "costing.",
            where=facts.master,
            remedy="Start it, or name another master in the fleet file.",
        )


def lone_master(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """A master that serves alone: a reboot would be an outage."""
    others = facts.serving - {facts.master, facts.address}
    if not others and (facts.serving or not spec.target_group):
        yield Finding(
            check="lone-master",
            pitfall=24,
            severity=Severity.FIXED,
            what="Only the master serves, so that a reboot for the image would be an outage; images are made "
            "without one.",
            where=facts.master,
            remedy="Nothing.",
        )


def cold_disks(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """A clone reads each part of its disk from the image's snapshot when it first needs it."""
    if facts.evenly and not facts.slow_start:
        yield Finding(
            check="cold-disk",
            pitfall=25,
            severity=Severity.WARNS,
            what="A new clone fetches its disk from the image part by part, so its first pages are slow, and "
            "the load balancer gives it a whole share of the requests at once.",
            where=spec.target_group,
            remedy="Set the target group's algorithm to least outstanding requests, which spares slow "
            "servers, or let round robin have a slow start (`slow_start.duration_seconds`).",
        )


def share_of_requests(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """The master gives content, database and writes to the clones, and serves like one of them."""
    if facts.evenly:
        yield Finding(
            check="masters-share",
            pitfall=44,
            severity=Severity.WARNS,
            what="The load balancer deals requests out evenly, so that the master, which also takes all "
            "writes and gives clones their content, gets as many pages to serve as each clone.",
            where=spec.target_group,
            remedy="Set the target group's algorithm to least outstanding requests.",
        )
