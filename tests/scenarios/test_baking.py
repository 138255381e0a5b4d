"""A new clone image by itself, as its users make it."""

from bot.domain.operation import Stage
from tests.scenarios.visitor import Visitor, read


def test_the_next_clones_start_from_the_image_that_was_baked_last(visitor: Visitor) -> None:
    visitor.scale(1)

    ended = visitor.end_of(visitor.open("bake web"))

    assert ended.stage is Stage.DONE
    image = ended.result.split(" ")[2]
    assert ended.result == f"web: image {image} is ready; new clones start from it."
    visitor.until(lambda: image in read(visitor.card(ended.id)), "the card does not name the image")
    (old,) = visitor.serving()
    visitor.scale(2)
    images = {name: each["ImageId"] for name, each in visitor.clones().items()}
    assert images.pop(old) != image
    assert list(images.values()) == [image]
    visitor.assert_audit_is_complete()
