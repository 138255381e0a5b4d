"""What the doctor found: a card for the fleet's channel, and the report's pages for its thread."""

from collections.abc import Iterable, Iterator

from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.report import card, headline, report
from bot.domain.moment import stamp
from bot.slack.views.answer import show_answer, show_note
from bot.slack.views.markup import fit
from bot.slack.views.message import SECTION, WHOLE, Message

_MOST_PAGES = 4
"""More of them than somebody reads; the file has everything."""


def show_diagnosis(diagnosis: Diagnosis) -> Message:
    """The card."""
    seen = (
        f"`{diagnosis.master}` as it was at {stamp(diagnosis.at)}; what to do about it stands in the thread."
    )
    return show_answer(headline(diagnosis), (*card(diagnosis), seen))


def show_report(diagnosis: Diagnosis) -> tuple[Message, ...]:
    """The pages."""
    pages = list(_pages(report(diagnosis)))
    left = sum(map(len, pages[_MOST_PAGES:]))
    shown = pages[:_MOST_PAGES]
    if left:
        shown[-1].append(f"… and {left} lines more, which the file has.")
    return tuple(show_note("\n".join(page)) for page in shown)


def told_to_who_asked(diagnosis: Diagnosis, channel: str) -> Message:
    """A private word on where the report is."""
    return show_answer(headline(diagnosis), [f"The report is in #{channel}, in a thread."])


def _pages(lines: Iterable[str]) -> Iterator[list[str]]:
    page: list[str] = []
    size = 0
    for line in lines:
        length = len(fit(line, SECTION)) + 1
        if page and size + length > WHOLE - SECTION:
            yield page
            page, size = [], 0
        page.append(line)
        size += length
    if page:
        yield page
