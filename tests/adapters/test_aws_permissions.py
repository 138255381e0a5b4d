"""With the declared permissions the bot can do all it does; with one fewer, something is denied.

moto looks at actions alone, not at resources and conditions.
"""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto.core import enable_iam_authentication
from moto.iam.models import iam_backends

from bot.aws import (
    balancers,
    disks,
    firewalls,
    fronts,
    gates,
    groups,
    images,
    inspection,
    instances,
    masters,
    quotas,
    routes,
    scout,
    targets,
    uses,
)
from bot.aws.cloud import PERMISSIONS, AwsCloud
from bot.aws.permissions import needed
from bot.aws.probe import AwsInspection
from bot.aws.trials import WAYS
from bot.domain.check.cloud import Came
from bot.domain.errors import CloudDenied, ServerUnreachable
from bot.domain.fleet import ImageState, Role, Ssh
from bot.domain.suggestion.draft import Wish
from bot.lab.aws import REGION
from bot.suggest import suggest_file
from tests.adapters.alone import Alone
from tests.adapters.cloud_worlds import World, eventually, open_lab, using

UNTRIED = {"kms:DescribeKey"}
"""The check has nothing to try it on."""
OF_FRONTS = set(needed((masters, groups, balancers, firewalls, fronts)))
OF_THE_DOCTOR = set(needed((inspection, disks, gates, quotas)))
OF_SUGGESTIONS = set(needed((scout,)))
OF_CLONES = set(needed((instances, images, uses, targets, routes)))
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    """Its master has a disk that is encrypted with a key of the account."""
    with open_lab() as opened:
        key = boto3.client("kms", REGION).create_key()["KeyMetadata"]["Arn"]
        zone = opened.ec2.describe_subnets(SubnetIds=[opened.spec.subnets[0]])["Subnets"][0][
            "AvailabilityZone"
        ]
        made = opened.ec2.create_volume(AvailabilityZone=zone, Size=1, Encrypted=True, KmsKeyId=key)
        data = {"ImageId": opened.image}
        opened.ec2.create_launch_template(LaunchTemplateName="site", LaunchTemplateData=data)
        opened.ec2.attach_volume(VolumeId=made["VolumeId"], InstanceId=opened.spec.master, Device="/dev/sdf")
        yield opened


@pytest.fixture
def world(account: World) -> Iterator[World]:
    """A fleet of its own, with a rule where those for writes must go, so that it has to move."""
    opened = account.for_one_test(next(_NUMBERS))
    (default,) = opened.rules()
    opened.elb.create_rule(
        ListenerArn=default["RuleArn"].replace(":listener-rule/", ":listener/").rpartition("/")[0],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/shop/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": opened.spec.target_group}],
    )
    yield opened
    alone(opened).remove()  # first: moto's target groups do not notice that their balancer is gone
    alone(opened).clean()
    opened.clean()


def with_clones(world: World) -> None:
    """All that the bot does with clones, once."""
    cloud, spec = world.cloud, world.spec
    cloud.look(spec)
    cloud.host_keys(spec, spec.master)
    image = world.bake()
    eventually(lambda: cloud.image_ready(spec, image))
    assert cloud.image_begun(spec, spec.master, action=world.act("bake"))
    cloud.mark_image(spec, image, ImageState.GOOD, action=world.act("judge"))
    cloud.pin_image(spec, image, pinned=False, action=world.act("pin"))
    (made,) = cloud.look(spec).images
    cloud.image_uses(spec, [image])
    cloud.remove_image(spec, image, made.snapshots, action=world.act("remove"))
    one, two = (*world.launch(action="one"), *world.launch(action="two"))
    cloud.put_in_service(spec, [one], action=world.act("in"))
    cloud.route_writes(spec, world.routes(), action=world.act("route"))
    cloud.take_out(spec, [one], action=world.act("out"))
    until = datetime(2026, 11, 22, 13, tzinfo=UTC)
    cloud.quarantine(spec, [one, two], until=until, action=world.act("quarantine"))
    cloud.release(spec, [one], action=world.act("release"))
    cloud.terminate(spec, [one], action=world.act("end"))
    cloud.terminate(spec, [two], role=Role.QUARANTINED, action=world.act("end"))


def with_a_front(world: World) -> None:
    """Adopt the master for a fleet that names no target group, and disown it."""
    adopting = alone(world)
    adopting.claim()
    adopting.make()
    adopting.serve()
    adopting.cloud.protect(adopting.spec, terminate=True, stop=True, action="op-1.5")
    spec = adopting.cloud.look(adopting.spec).spec
    adopting.cloud.route_writes(spec, replace(world, spec=spec).routes(), action="op-1.6")
    adopting.clean()


def with_a_doctor(world: World) -> None:
    """Look at a master that has an encrypted disk; what could not be read is told, and no error."""
    if unread := world.cloud.inspect(world.spec).unread:
        raise CloudDenied(" ".join(unread.values()))


def alone(world: World) -> Alone:
    return Alone(world, int(world.spec.name.removeprefix("web")))


SCENARIOS = ((OF_CLONES, with_clones), (OF_FRONTS, with_a_front), (OF_THE_DOCTOR, with_a_doctor))


def test_with_exactly_these_permissions_everything_works(world: World) -> None:
    with allowed(world, PERMISSIONS) as bot:
        with_clones(bot)
        with_a_front(bot)
        with_a_doctor(bot)


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_without_one_of_them_something_is_denied(world: World, missing: str) -> None:
    do = next(do for of, do in SCENARIOS if missing in of)
    with (
        allowed(world, [each for each in PERMISSIONS if each != missing]) as bot,
        pytest.raises(CloudDenied, match=missing.partition(":")[2]),
    ):
        do(bot)


def test_every_way_to_try_a_permission_is_of_one_that_the_bot_declares() -> None:
    assert set(PERMISSIONS) == OF_CLONES | OF_FRONTS | OF_THE_DOCTOR
    assert set(WAYS) <= set(PERMISSIONS)
    assert not {each for each in set(PERMISSIONS) - set(WAYS) if each.startswith("ec2:")}


@pytest.fixture(scope="module")
def adopted() -> Iterator[World]:
    """An account of its own with an adopted master, an image and a clone, which nothing here changes."""
    with open_lab() as opened:
        fleet = Alone(opened, 1)
        fleet.claim()
        fleet.make()
        fleet.serve()
        world = replace(opened, spec=fleet.cloud.look(fleet.spec).spec)
        world.launch()
        image = world.bake()
        eventually(lambda: world.cloud.image_ready(world.spec, image))
        yield world


def tried(world: World) -> dict[str, Came]:
    """What the check says of each permission."""
    fleet = None
    with suppress(CloudDenied):
        fleet = world.cloud.look(world.spec)
    trials = AwsInspection(AwsCloud()).try_permissions(world.spec, fleet, world.spec.target_group)
    return {trial.permission: trial.came for trial in trials}


def test_the_check_finds_each_permission_that_it_can_try_and_changes_nothing(adopted: World) -> None:
    assert adopted.lab
    adopted.lab.calls.clear()
    with allowed(adopted, PERMISSIONS) as bot:
        found = tried(bot)
    assert adopted.lab.calls.mutating() == ()
    assert {each for each, came in found.items() if came is Came.ALLOWED} == set(WAYS) - UNTRIED
    assert {came for each, came in found.items() if each not in WAYS} == {Came.NO_DRY_RUN}


@pytest.mark.parametrize("missing", sorted(set(WAYS) - UNTRIED))
def test_the_check_says_of_a_permission_that_is_missing_and_of_no_other_that_it_is_denied(
    adopted: World, missing: str
) -> None:
    with allowed(adopted, [each for each in PERMISSIONS if each != missing]) as bot:
        found = tried(bot)
    assert [each for each, came in found.items() if came is Came.DENIED] == [missing]


def suggest(world: World, file: Path) -> None:
    """Ask for a first fleet file for the master; there is no way into it."""
    ssh = Ssh(user="admin", key_file="key", port=1)
    suggest_file(world.spec.master, Wish(fleet="", region=REGION, ssh=ssh), file)


def test_with_what_the_readme_names_a_suggestion_gets_past_aws(adopted: World, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (told,) = re.findall(r"writes nothing\. It needs (.+?)\.\n\n", readme, re.DOTALL)
    named = set(re.findall(r"\w+(?=`)", told))

    assert named == {each.partition(":")[2] for each in OF_SUGGESTIONS}
    with allowed(adopted, sorted(OF_SUGGESTIONS)) as bot, pytest.raises(ServerUnreachable):
        suggest(bot, tmp_path / "new.toml")


@pytest.mark.parametrize("missing", sorted(OF_SUGGESTIONS))
def test_where_aws_denies_one_of_them_it_is_named_and_nothing_is_written(
    adopted: World, tmp_path: Path, missing: str
) -> None:
    with (
        allowed(adopted, sorted(OF_SUGGESTIONS - {missing})) as bot,
        pytest.raises(CloudDenied, match=missing.partition(":")[2]),
    ):
        suggest(bot, tmp_path / "new.toml")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def allowed(world: World, actions: Sequence[str]) -> Iterator[World]:
    """The same with a bot that may do only these things."""
    assert world.lab
    with enable_iam_authentication(), using(credentials(world.lab.account, actions, world.lab.endpoint)):
        yield replace(world, cloud=AwsCloud())


def credentials(account: str, actions: Sequence[str], endpoint: str) -> dict[str, str]:
    """Those of a new user of this account who may do exactly this."""
    iam = iam_backends[account]["aws"]
    name = f"clonebot-{next(_NUMBERS)}"
    iam.create_user(region_name=REGION, user_name=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_user_policy(name, "all", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = iam.create_access_key(user_name=name)
    return {
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_ENDPOINT_URL": endpoint,
    }
