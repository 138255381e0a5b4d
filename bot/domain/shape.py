"""What names, ids and paths look like in a fleet's configuration."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str | int, ...]

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""A fleet's name: never a number, so that `scale web 4` has one meaning."""

_PATH = r"(?!.*/\.{1,2}(/|$))/[^/].*"
PATTERN = r"(?!.*/(\.{1,2})?/)(?!.*/\.{1,2}$)/[^/*?\[]+/.+"
"""Files below some folder, by names with * ? [ ], or all below a folder with / at the end."""
FOLDER = r"(?!.*/\.{1,2}(/|$))/[^/*?\[]+(/[^/*?\[]+)+/?"
_PATTERN_MEANS = 'files below a folder, such as "/run/club/*.pid", or all below one: "/var/cache/club/"'
_ARN = r"arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]*:[0-9]*:targetgroup/\S+"
_SERVICE = r"[A-Za-z0-9_@][A-Za-z0-9_.@:-]*"
_TYPE = r"[a-z][a-z0-9-]*\.[a-z0-9-]+"
_TYPE_MEANS = "an instance type such as t3.small"
_ARN_MEANS = "the ARN of a target group (arn:aws:elasticloadbalancing:…:targetgroup/…)"
_PATH_MEANS = "an absolute path without . and .., and not all of /"

_SHAPES = {
    "region": (r"[a-z]{2,}(-[a-z]+)+-[0-9]+", "an AWS region such as eu-central-1"),
    "channel": (r"[CG][A-Z0-9]{2,}", "a channel id (C…, from the channel's details; names can change)"),
    "master": (r"i-[0-9a-f]{8,17}", "an instance id such as i-0123456789abcdef0"),
    "target_group": (_ARN, _ARN_MEANS),
    "instance_type": (_TYPE, _TYPE_MEANS),
    "instance_types.*": (_TYPE, _TYPE_MEANS),
    "subnets.*": (r"subnet-[0-9a-z-]+", "a subnet id such as subnet-0123456789abcdef0"),
    "security_groups.*": (r"sg-[0-9a-z-]+", "a security group id such as sg-0123456789abcdef0"),
    "ssh.user": (r"[A-Za-z_][A-Za-z0-9_.-]*", "the name of a user on the servers"),
    "ssh.master_host_keys.*": (r"[a-z][a-z0-9@.-]+ [A-Za-z0-9+/=]+", "a public key: ssh-ed25519 AAAA…"),
    "health.path": (r"/\S*", "a path that begins with /"),
    "content.paths.*": (_PATH, _PATH_MEANS),
    "content.exclude.*": (r"[^-].*", "an rsync pattern that does not begin with -"),
    "writes.target_group": (_ARN, _ARN_MEANS),
    "writes.methods.*": (r"(?!(GET|HEAD)$)[A-Z]+", "an HTTP method that writes, such as POST"),
    "writes.prefixes.*": (r"/\S*", "a path that begins with /"),
    "balancer.certificate": (
        r"arn:[a-z0-9-]+:(acm|iam):[a-z0-9-]*:[0-9]*:(server-)?certificate/\S+",
        "the ARN of a certificate (arn:aws:acm:…:certificate/…)",
    ),
    "balancer.subnets.*": (r"subnet-[0-9a-z-]+", "a subnet id such as subnet-0123456789abcdef0"),
    "balancer.clients.*": (r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}", "an IPv4 network such as 0.0.0.0/0"),
    "recipe.services.*": (_SERVICE, "the name of a service"),
    "recipe.restart.*": (_SERVICE, "the name of a service"),
    "recipe.rewrite.*.file": (_PATH, _PATH_MEANS),
    "recipe.template.*.file": (_PATH, _PATH_MEANS),
    "recipe.remove.*": (PATTERN, _PATTERN_MEANS),
    "recipe.truncate.*": (PATTERN, _PATTERN_MEANS),
    "recipe.clean.*": (PATTERN, _PATTERN_MEANS),
    "recipe.spools.*": (FOLDER, "a spool's folder such as /var/spool/postfix"),
}
_SEVERAL_LINES = {"recipe.rewrite.*.find", "recipe.rewrite.*.replace", "recipe.template.*.text"}


def misshapen(table: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """What in one `[fleets.NAME]` table does not look like what it must be: its key, and what is expected."""
    for key, value in leaves(table):
        expected = _expected(_pattern(key), value)
        if expected:
            yield key, expected


def _expected(pattern: str, value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "a number"
    if not isinstance(value, str) or not value:
        return ""
    if pattern not in _SEVERAL_LINES and not value.isprintable():
        return "a text without control characters"
    shape, meaning = _SHAPES.get(pattern, ("", ""))
    return meaning if shape and not re.fullmatch(shape, value) else ""


def _pattern(key: Key) -> str:
    return ".".join("*" if isinstance(part, int) else part for part in key)


def leaves(value: Any, at: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Each value that is neither a table nor a list, and its key."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from leaves(inner, (*at, name))
        case list():
            for index, inner in enumerate(value):
                yield from leaves(inner, (*at, index))
        case _:
            yield at, value
