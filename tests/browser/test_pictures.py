"""The pictures in the README: there, described, and quick to load."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_every_picture_is_there_and_described_in_words() -> None:
    assert {name for _, name in PICTURES} == {
        str(path.relative_to(ROOT)) for path in (ROOT / "docs/screenshots").iterdir()
    }
    assert all(len(words) > 40 for words, _ in PICTURES)


def test_no_picture_keeps_its_readers_waiting() -> None:
    assert {name for _, name in PICTURES if (ROOT / name).stat().st_size > 200_000} == set()
