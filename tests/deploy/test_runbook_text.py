"""The runbook as a text: whole, and nearly all of it typed by the tests."""

import re

from tests.scenarios.runbook import NOT_HERE, ROOT, TEXT, is_here, sections


def test_every_section_with_blocks_is_followed_by_a_test() -> None:
    own = (ROOT / "tests" / "scenarios" / "test_runbook.py").read_text()
    named = {title for title in sections() if f'follow("{title}")' in own}
    assert {title for title, blocks in sections().items() if blocks} == named


def test_few_lines_are_not_typed_and_each_reason_is_needed() -> None:
    lines = [line for blocks in sections().values() for each in blocks for line in each.text.splitlines()]
    assert all(
        any(not is_here(line) and line.startswith(p.split("*")[0]) for line in lines) for p in NOT_HERE
    )
    assert sum(not is_here(line) for line in lines) < 15


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in sections()}
    assert set(re.findall(r"\(#([^)]+)\)", TEXT)) <= anchors
