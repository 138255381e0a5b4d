"""The tags by which AWS remembers what belongs to which fleet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2.type_defs import FilterTypeDef, TagTypeDef

FLEET = "clonebot:fleet"
ROLE = "clonebot:role"
OPERATION = "clonebot:operation"
ACTION = "clonebot:action"
MASTER = "clonebot:master"
STATE = "clonebot:state"
BEFORE = "clonebot:before"
CONTENT = "clonebot:content"
DOCTOR = "clonebot:doctor"
PINNED = "clonebot:pinned"
EXPIRES = "clonebot:expires"
NAME = "Name"

BATCH = 100
"""As many as AWS takes in every one of the calls that we make with a list."""

T = TypeVar("T")


def read_tags(tags: Sequence[TagTypeDef] | None) -> dict[str, str]:
    """A resource's tags as a mapping."""
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags or ()}


def write_tags(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """The other way round."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def write_time(time: datetime) -> str:
    """A moment as a tag's value."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(value: str) -> datetime | None:
    """The other way round; None for what is no moment."""
    with suppress(ValueError):
        time = datetime.fromisoformat(value)
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None


def where(**names: Sequence[str]) -> list[FilterTypeDef]:
    """A filter; `_` stands for `-` and a leading `tag_` for a tag of ours."""
    return [{"Name": _filter_name(name), "Values": list(values)} for name, values in names.items()]


def _filter_name(name: str) -> str:
    prefix, _, tag = name.partition("tag_")
    return f"tag:clonebot:{tag}" if tag and not prefix else name.replace("_", "-")


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into pieces that one call takes."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]
