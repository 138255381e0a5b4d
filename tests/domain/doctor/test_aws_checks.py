"""What AWS alone shows of a master that should not be cloned as it is."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.doctor.aws.examine import CHECKS, examine_aws
from bot.domain.doctor.aws.facts import Area, AwsFacts, Key, Opening, Quota, Volume
from bot.domain.doctor.aws.secrets import kinds_of_secrets
from bot.domain.doctor.finding import Examination, Severity
from bot.domain.fleet import State
from tests.commands.examples import MASTER, a_spec

BLOCKS, WARNS, FIXED = Severity.BLOCKS, Severity.WARNS, Severity.FIXED
SPEC = a_spec(target_group="arn:web")
ROOT = Volume(id="vol-root", device="/dev/sda1", gib=20, root=True)
DATA = Volume(id="vol-data", device="/dev/sdf", gib=100)
CLEAN = AwsFacts(
    master=MASTER,
    type="t3.small",
    volumes=(ROOT,),
    groups=("sg-1",),
    openings=(Opening(group="sg-1", first=80, last=80, source="0.0.0.0/0"),),
    free_addresses={"subnet-a": 100, "subnet-b": 100},
    quota=Quota(id="L-1", most=256, used=2, each=2),
    serving=frozenset({MASTER, "i-1"}),
)


def an_opening(**changes: Any) -> Opening:
    what: dict[str, Any] = {"group": "sg-1", "first": 22, "last": 22, "source": "10.0.0.0/8"}
    return Opening(**(what | changes))


def examined(spec: Any = SPEC, **changes: Any) -> Examination:
    return examine_aws(replace(CLEAN, **changes), spec)


def test_a_clean_master_has_no_findings_and_one_thing_is_never_asked() -> None:
    seen = examined()
    assert seen.findings == ()
    assert [(each.check, each.pitfall) for each in seen.not_checked] == [("other-quotas", 37)]


@pytest.mark.parametrize(
    ("changes", "pitfall", "severity", "found", "says"),
    [
        ({"user_data": True}, 3, FIXED, ("user-data", MASTER), "clones start without it"),
        (
            {"product_codes": ("abc123",)},
            15,
            WARNS,
            ("product-code", "abc123"),
            "every clone costs its price",
        ),
        ({"image_codes": ("abc123",)}, 15, WARNS, ("product-code", "abc123"), "every clone costs its price"),
        (
            {"image_codes": ("abc123",), "product_codes": ("abc123",)},
            15,
            WARNS,
            ("product-code", "abc123"),
            "the image carries it too",
        ),
        (
            {"platform": "Ubuntu Pro"},
            15,
            WARNS,
            ("licence-included", "Ubuntu Pro"),
            "AWS bills a licence of Ubuntu Pro",
        ),
        ({"profile": "arn:p/site"}, 18, WARNS, ("iam-role", "arn:p/site"), "clones start without one"),
        (
            {"openings": (an_opening(source="sg-1"),)},
            21,
            WARNS,
            ("self-reference", "sg-1: port 22 from sg-1"),
            "lets its own members in at port 22",
        ),
        (
            {"openings": (an_opening(first=0, last=65535, source="0.0.0.0/0"),)},
            21,
            WARNS,
            ("open-port", "sg-1: every port from 0.0.0.0/0"),
            "anybody in at every port",
        ),
        (
            {"openings": (an_opening(first=8000, last=8100, source="::/0"),)},
            21,
            WARNS,
            ("open-port", "sg-1: ports 8000-8100 from ::/0"),
            "past the load balancer",
        ),
        (
            {"masters_ways": (an_opening(group="sg-db", first=5432, last=5432, source="10.0.0.1/32"),)},
            21,
            WARNS,
            ("master-only-access", "sg-db: port 5432 from 10.0.0.1/32"),
            "does not let clones in",
        ),
        ({"root_on_disk": False}, 22, BLOCKS, ("root-device", MASTER), "AWS makes no image"),
        ({"instance_store": True}, 22, WARNS, ("instance-store", MASTER), "A t3.small has disks of its own"),
        ({"volumes": (ROOT, DATA)}, 22, WARNS, ("data-volume", "vol-data"), "100 GiB at /dev/sdf"),
        (
            {"volumes": (ROOT, replace(DATA, kept=True))},
            22,
            WARNS,
            ("data-volume", "vol-data"),
            "kept and paid when its clone ends",
        ),
        (
            {"volumes": (ROOT, replace(DATA, others=("i-other",)))},
            22,
            BLOCKS,
            ("shared-volume", "vol-data"),
            "shared with i-other",
        ),
        ({"serving": frozenset({MASTER})}, 24, FIXED, ("lone-master", MASTER), "without one"),
        (
            {"serving": frozenset({"10.0.0.5"}), "address": "10.0.0.5"},
            24,
            FIXED,
            ("lone-master", MASTER),
            "Only the master serves",
        ),
        (
            {"imageless": {"i-1": "ami-9"}},
            36,
            WARNS,
            ("deleted-image", "i-1"),
            "ami-9 was deregistered or disabled",
        ),
        (
            {"free_addresses": {"subnet-a": 3, "subnet-b": 0}},
            37,
            WARNS,
            ("free-addresses", "subnet-a, subnet-b"),
            "3 addresses left, and 8 more clones",
        ),
        (
            {"free_addresses": {"subnet-a": 0, "subnet-b": 0}},
            37,
            BLOCKS,
            ("free-addresses", "subnet-a, subnet-b"),
            "0 addresses left",
        ),
        (
            {"free_addresses": {"subnet-a": 2, "subnet-b": 0}, "clones": 5},
            37,
            WARNS,
            ("free-addresses", "subnet-a, subnet-b"),
            "2 addresses left, and 3 more clones",
        ),
        ({"free_addresses": {"subnet-a": 100}}, 37, BLOCKS, ("subnet", "subnet-b"), "AWS does not know"),
        (
            {"quota": Quota(id="L-1", most=32, used=27, each=2)},
            37,
            WARNS,
            ("vcpu-quota", "L-1"),
            "32 vCPUs of this kind, 27 are in use, and a clone takes 2: 2 more can start, and 8 more may",
        ),
        (
            {"quota": Quota(id="L-1", most=5, used=4, each=2)},
            37,
            BLOCKS,
            ("vcpu-quota", "L-1"),
            "0 more can start",
        ),
        (
            {"quota": Quota(id="L-1", most=5, used=9, each=2), "clones": 3},
            37,
            WARNS,
            ("vcpu-quota", "L-1"),
            "0 more",
        ),
        (
            {"keys": (Key(id="arn:key/1", own=True, state="Enabled"),)},
            38,
            WARNS,
            ("encryption-key", "arn:key/1"),
            "clones end at once",
        ),
        (
            {"keys": (Key(id="arn:key/1", own=True, state="PendingDeletion"),)},
            38,
            BLOCKS,
            ("encryption-key", "arn:key/1"),
            "PendingDeletion",
        ),
        ({"secrets": ("a private key",)}, 39, WARNS, ("user-data-secrets", MASTER), "hold a private key"),
        ({"asks_without_token": True}, 39, FIXED, ("metadata-service", MASTER), "without a token (IMDSv1)"),
        ({"hops": 2}, 39, FIXED, ("metadata-service", MASTER), "up to 2 hops away"),
        (
            {"evenly": True, "slow_start": 60},
            44,
            WARNS,
            ("masters-share", "arn:web"),
            "as many pages to serve as each clone",
        ),
        ({"state": State.STOPPED}, 47, WARNS, ("stopped-master", MASTER), "The master is stopped"),
        ({"forgotten_snapshots": ("snap-1",)}, 47, WARNS, ("forgotten-snapshot", "snap-1"), "A snapshot"),
        ({"forgotten_volumes": ("vol-1",)}, 47, WARNS, ("forgotten-volume", "vol-1"), "A volume of web"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_would_go_wrong_is_found_and_named(
    changes: dict[str, Any], pitfall: int, severity: Severity, found: tuple[str, str], says: str
) -> None:
    (finding,) = examined(**changes).findings
    assert (finding.check, finding.where) == found
    assert (finding.pitfall, finding.severity) == (pitfall, severity)
    assert says in finding.what
    assert finding.remedy.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"openings": (an_opening(source="10.0.0.0/8"),)},
        {"openings": (an_opening(source="sg-balancer"),)},
        {"keys": (Key(id="arn:key/aws", own=False, state="Enabled"),)},
        {"serving": frozenset()},
        {"serving": frozenset({"10.0.0.5", "10.0.0.6"}), "address": "10.0.0.5"},
        {"platform": "Linux/UNIX"},
        {"free_addresses": {"subnet-a": 8, "subnet-b": 0}},
        {"quota": Quota(id="L-1", most=32, used=16, each=2)},
        {"quota": Quota(id="L-1", most=32, used=31, each=2), "clones": 8},
        {"free_addresses": {"subnet-a": 0, "subnet-b": 0}, "clones": 8},
    ],
    ids=lambda facts: " ".join(map(str, facts)),
)
def test_what_only_looks_alike_is_no_finding(changes: dict[str, Any]) -> None:
    assert examined(**changes).findings == ()


def test_a_new_clone_gets_its_whole_share_at_once_only_where_nothing_spares_it() -> None:
    def told(**how: Any) -> list[str]:
        return [each.where for each in examined(**how).findings if each.pitfall == 25]

    assert told(evenly=True) == ["arn:web"]
    assert told(evenly=True, slow_start=60) == told(evenly=False) == []


def test_every_finding_goes_by_the_name_of_its_check_or_by_one_that_the_check_lists() -> None:
    both = (replace(DATA, others=("i-other",)), DATA)
    open_to = (an_opening(source="sg-1"), an_opening(source="0.0.0.0/0"))
    seen = examined(volumes=both, openings=open_to, free_addresses={"subnet-a": 1})
    names = {name for check in CHECKS for name in (check.name, *check.also)}
    assert {each.check for each in seen.findings} == {
        "shared-volume", "data-volume", "self-reference", "open-port", "subnet", "free-addresses",
    }  # fmt: skip
    assert {each.check for each in seen.findings} <= names


def test_a_master_behind_no_load_balancer_serves_alone() -> None:
    (finding,) = examined(a_spec(target_group=""), serving=frozenset()).findings
    assert (finding.check, finding.where) == ("lone-master", MASTER)


def test_a_security_group_of_the_fleet_file_that_does_not_exist_blocks() -> None:
    (finding,) = examined(a_spec(security_groups=("sg-1", "sg-2"))).findings
    assert (finding.check, finding.where, finding.severity) == ("security-group", "sg-2", BLOCKS)


def test_what_aws_does_not_show_is_not_checked_and_says_why() -> None:
    seen = examined(unread={Area.VOLUMES: "Not allowed."}, volumes=(DATA,), forgotten_volumes=("vol-1",))
    assert seen.findings == ()
    unknown = [
        (each.check, each.pitfall, each.why) for each in seen.not_checked if each.check != "other-quotas"
    ]
    assert unknown == [("data-volume", 22, "Not allowed."), ("forgotten-volume", 47, "Not allowed.")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("#cloud-config\npackages: [apache2]\n", ()),
        ("password: $DB_PASSWORD\ntoken: {{ token }}\nsecret: null", ()),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", ("a private key",)),
        ("-----BEGIN PRIVATE KEY-----", ("a private key",)),
        ("export KEY=AKIAIOSFODNN7EXAMPLE", ("an AWS access key",)),
        ("DB_PASSWORD=hunter22", ("a password or token",)),
        ('"api_key": "abcdef"', ("a password or token",)),
        ("mysql://site:geheim@10.0.0.1/site", ("a password in an address",)),
        ("git clone https://github.com/site/site", ()),
    ],
)
def test_secrets_are_told_by_kind_alone(text: str, kinds: tuple[str, ...]) -> None:
    assert kinds_of_secrets(text) == kinds
