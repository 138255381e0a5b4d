"""The tally survives a crash as plain JSON, and forgets nothing."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.tally import Tally, from_json, to_json

WORDS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
NAMES = st.lists(st.text(max_size=8), max_size=4).map(tuple)
TALLIES = st.builds(
    Tally,
    image=st.text(max_size=8),
    launched=NAMES,
    failed=WORDS,
    kept=WORDS,
    warnings=NAMES,
    stopped=st.text(),
)


@given(TALLIES)
def test_it_is_the_same_after_a_crash(tally: Tally) -> None:
    assert from_json(json.loads(json.dumps(to_json(tally)))) == tally


def test_sound_are_the_launched_ones_that_did_not_fail() -> None:
    tally = Tally(launched=("i-1", "i-2")).with_failed({"i-1": "it did not start", "subnet-a": "none"})
    assert tally.sound == ("i-2",)


def test_what_is_kept_does_not_leave() -> None:
    assert Tally().with_kept({"i-1": "it holds a file"}).leaving(("i-1", "i-2")) == ("i-2",)


def test_it_remembers_what_went_wrong_before() -> None:
    tally = Tally().with_failed({"i-1": "late"}).with_failed({"i-2": "sick"})
    tally = tally.with_kept({"i-3": "a file"}).with_kept({"i-4": "a file"})
    tally = tally.with_warning("first").with_warning("second")
    assert tally.failed == {"i-1": "late", "i-2": "sick"}
    assert set(tally.kept) == {"i-3", "i-4"}
    assert tally.warnings == ("first", "second")
