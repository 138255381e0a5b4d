"""What AWS tells: where clones can be started, and which target groups serve the site."""

from collections.abc import Iterator
from dataclasses import replace

from bot.domain.fleet import Balancer
from bot.domain.suggestion.draft import FILL_IN, Item, Setting, Standing
from bot.domain.suggestion.surroundings import Subnet, Surroundings, TargetGroup

_WAYS = {"igw": "an internet gateway", "nat": "a NAT gateway", "": "nowhere"}
_OWN_PORT = "traffic-port"
_WRITES = ("write", "upload", "master")


def find_site(around: Surroundings) -> TargetGroup | None:
    """The target group through which it serves: it is in it, and rather one that a balancer forwards to."""
    ours = [group for group in around.target_groups if around.server.id in group.members]
    # A group with only the master in it may be the one for writes.
    ours.sort(key=lambda group: (not group.zones, _is_for_writes(group), group.name))
    return ours[0] if ours else None


def find_writes(around: Surroundings, site: TargetGroup | None) -> TargetGroup | None:
    """The group for writes: named so, on the site's port, without strangers; and there is no other such."""
    found = [
        group
        for group in around.target_groups
        if site and group != site and group.kind == "instance" and group.port == site.port
        and _is_for_writes(group) and set(group.members) <= {around.server.id}
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None


def _is_for_writes(group: TargetGroup) -> bool:
    return any(word in group.name.lower() for word in _WRITES)


def health_of(group: TargetGroup) -> tuple[int, str]:
    """The port and the path that its balancer asks."""
    port = group.port if group.health_port in {_OWN_PORT, ""} else int(group.health_port)
    return port, group.health_path or "/"


def target_group(around: Surroundings, site: TargetGroup | None) -> Setting:
    """The key `target_group`."""
    if site is None:
        why = (
            f"{around.server.id} is in no target group yet; without this line `/clone adopt` makes one and a "
            "load balancer; or name one that is there already"
        )
        return Setting("target_group", FILL_IN, why, Standing.OFFERED)
    served = "a load balancer forwards to it" if site.zones else "no load balancer forwards to it yet"
    others = [
        group.name for group in around.target_groups if around.server.id in group.members and group != site
    ]
    also = f"; it is also in {', '.join(others)}" if others else ""
    return Setting("target_group", site.arn, f"{around.server.id} is in it, and {served}{also}")


def writes_group(writes: TargetGroup | None) -> Setting:
    """The key `writes.target_group`."""
    if writes is None:
        why = "one that holds the master alone; none was found, and without this line `/clone adopt` makes it"
        return Setting("target_group", FILL_IN, why, Standing.OFFERED)
    holds = "holds the master alone" if writes.members else "is empty"
    return Setting("target_group", writes.arn, f"its name says that it is for writes, and it {holds}")


def balancer(site: TargetGroup | None) -> tuple[Setting, ...]:
    """What a person may want of the load balancer that there is to be; nothing if there is one."""
    usual = Balancer()
    offered = (
        Setting("port", usual.port, "where visitors reach it"),
        Setting("protocol", usual.protocol, "or HTTPS, usually at port 443, with a certificate"),
        Setting("certificate", FILL_IN, "for HTTPS: its ARN, from AWS Certificate Manager"),
        Setting("scheme", usual.scheme, "or internal: only your own network reaches it"),
        Setting("drain", usual.drain, "how many seconds requests may take to end when a server leaves"),
    )
    return () if site else tuple(replace(each, standing=Standing.OFFERED) for each in offered)


def subnets(around: Surroundings, site: TargetGroup | None) -> Setting:
    """The key `subnets`: the server's own, and in each other zone one with the same way out."""
    own = next((each for each in around.subnets if each.id == around.server.subnet), None)
    if own is None:
        why = "AWS did not say in which subnet it is"
        return Setting("subnets", (Item(FILL_IN, why, Standing.ASKED),))
    return Setting("subnets", tuple(_items(own, around.subnets, site.zones if site else ())))


def _items(own: Subnet, all_of_them: tuple[Subnet, ...], served: tuple[str, ...]) -> Iterator[Item]:
    way = _WAYS.get(own.way_out, own.way_out)
    yield Item(own.id, f"the master's own, in {own.zone}; its way out: {way}")
    zones = {own.zone}
    for each in sorted(all_of_them, key=lambda subnet: (subnet.zone, -subnet.free, subnet.id)):
        if each.zone in zones or (each.way_out, each.public) != (own.way_out, own.public):
            continue
        zones.add(each.zone)
        if served and each.zone not in served:
            why = f"in {each.zone}, where the load balancer is not enabled, so it would send nothing there"
            yield Item(each.id, why, Standing.OFFERED)
        else:
            yield Item(each.id, f"in {each.zone}, with the same way out, {each.free} addresses free")


def of_its_own(around: Surroundings) -> tuple[Setting, ...]:
    """What clones take over from the master where the file says nothing else."""
    server = around.server
    types = Setting("instance_type", server.type, "the master's own, so the default", Standing.OFFERED)
    named = tuple(Item(id_, name) for id_, name in around.firewalls)
    why = "the master's own, so the default"
    groups = Setting("security_groups", named, why, Standing.OFFERED)
    price = f"fill in what one {server.type} costs there per hour; plans show it"
    return (
        types,
        *((groups,) if named else ()),
        Setting("price_per_hour", 0.0, price, Standing.OFFERED),
        Setting("max_clones", 10, "more than this is refused, whoever asks", Standing.OFFERED),
    )


def remarks(around: Surroundings) -> Iterator[str]:
    """What no key says."""
    profile = around.profile.rpartition("/")[2]
    if profile:
        yield f"The master has the instance profile {profile}; clones are started without one."
    if not around.tokens_required:
        yield "The master tells its metadata without a token (IMDSv1); clones tell theirs only for one."
    site = find_site(around)
    if site and site.kind != "instance":
        yield f"The target group {site.name} holds {site.kind} targets; clones need one of type instance."
