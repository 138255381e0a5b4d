"""What is printed at a terminal."""

import pytest

from bot.terminal.wording import plain


@pytest.mark.parametrize(
    ("ours", "printed"),
    [
        ("*web*: nothing blocks", "web: nothing blocks"),
        ("*a b* and *c*", "a b and c"),
        ("It runs */5 * * * * as root, and */7 too.", "It runs */5 * * * * as root, and */7 too."),
        ("`*x*` stays", "`*x*` stays"),
        ("2*3*4", "2*3*4"),
        ("type `/clone doctor web`", "type `clonebot run 'doctor web'`"),
        ("red\x1b[31m", "red [31m"),
    ],
)
def test_our_markup_is_left_out_and_nothing_else(ours: str, printed: str) -> None:
    assert plain(ours) == printed
