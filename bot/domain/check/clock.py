"""Whether clocks agree: signatures, host identities and sync ages are all judged by them."""

from email.utils import parsedate_to_datetime

from bot.domain.check.verdict import Verdict, failed, passed, unproven

MOST_SECONDS = 30
"""AWS and Slack refuse what was signed five minutes away; clocks that are kept differ by less than one."""


def seconds_ahead(date: str, now: float) -> float | None:
    """How far a Date header, which shows whole seconds, is ahead of Unix time; None if it is no such."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - now
    except ValueError:
        return None


def judge_clock(about: str, offset: float | None) -> Verdict:
    """`offset` is how many seconds the other clock is ahead of ours; None where it did not say."""
    if offset is None:
        return unproven(about, "it did not say what time it is")
    if abs(offset) <= MOST_SECONDS:
        return passed(about, f"agrees with the clock of this machine within {max(1, round(abs(offset)))} s")
    way = "ahead of" if offset > 0 else "behind"
    return failed(
        about,
        f"is {abs(offset):.0f} s {way} the clock of this machine",
        "Let both keep their time: `timedatectl set-ntp true`.",
    )
