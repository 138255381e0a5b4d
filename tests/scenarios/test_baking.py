"""A new clone image by itself, as its users make it."""

from bot.domain.operation import Stage
from tests.scenarios.old_images import made_long_ago
from tests.scenarios.visitor import DAN, Visitor


def test_a_new_image_is_tried_with_a_canary_and_the_next_clones_start_from_it(visitor: Visitor) -> None:
    visitor.scale(1)
    before = visitor.clones()

    ended = visitor.end_of(visitor.open("bake web"))

    assert ended.stage is Stage.DONE
    image = ended.result.split(" ")[2]
    assert ended.result == f"web: image {image} is good; new clones start from it."
    visitor.shows(ended.id, image)
    assert visitor.clones().keys() == before.keys()
    (old,) = visitor.serving()
    visitor.scale(2)
    images = {name: each["ImageId"] for name, each in visitor.clones().items()}
    assert images.pop(old) != image
    assert list(images.values()) == [image]
    visitor.assert_audit_is_complete()


def test_an_old_image_goes_with_its_snapshot_and_one_that_is_pinned_stays(visitor: Visitor) -> None:
    ec2 = visitor.lab.client("ec2")
    going, pinned = (made_long_ago(visitor, name) for name in ("going", "pinned"))
    (disk,) = ec2.describe_images(ImageIds=[going])["Images"][0]["BlockDeviceMappings"]
    assert visitor.end_of(visitor.open(f"pin web {pinned}")).stage is Stage.DONE
    told = visitor.hear("images web", user=DAN)
    assert f"`{pinned}`: 30 days old, " in told
    assert "was never tried, pinned, not in use; of the master" in told

    ended = visitor.agreed("clean-up web")

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 1 of 1 image removed, snapshots included.")
    left = {image["ImageId"] for image in ec2.describe_images(Owners=["self"])["Images"]}
    assert {going, pinned} & left == {pinned}
    snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert disk["Ebs"]["SnapshotId"] not in {each["SnapshotId"] for each in snapshots}
    assert f"{pinned}` stays: pinned" in visitor.hear("clean-up web")
    visitor.assert_audit_is_complete()
    ec2.deregister_image(ImageId=pinned)
