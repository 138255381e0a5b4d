"""`make screenshots`: the pictures in the README, of a lab in which this script is bob and ada."""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Locator, expect

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.browser.chromium import NoChromium, advice, browser, is_debian
from tests.browser.screen import SECONDS, Screen
from tests.scenarios.visitor import Visitor

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
_HELD_SECONDS = 8.0
_WIDTH = 960
_DIGEST_AFTER = timedelta(seconds=90)
_LAUNCHES = "SELECT 1 FROM audit WHERE kind = 'intent' AND text LIKE 'launch%'"


def main() -> None:
    """Make them all, and name each as soon as it is made."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=SECONDS)
    try:
        with browser() as running, tempfile.TemporaryDirectory() as folder:
            _visit(running, Path(folder))
    except NoChromium:
        sys.exit(advice(debian=is_debian()))


def _visit(running: Browser, folder: Path) -> None:
    due = datetime.now(UTC) + _DIGEST_AFTER
    with Lab(folder, delays=NO_DELAYS, digest=f"{due:%S %M %H} * * *") as lab:
        screen = Screen(running, lab.slack.url, width=_WIDTH, height=655)
        card = _show_plan(screen)
        _show_running(screen, lab, card)
        _show_digest(screen)
        screen.close()


def _show_plan(screen: Screen) -> Locator:
    screen.type("/clone scale 4 --reason 'regatta on Saturday'")
    card = screen.messages.filter(has_text="Awaiting approval")
    card.wait_for()
    screen.become("ada")
    screen.page.get_by_text("You are ada now").wait_for(state="hidden")
    _save(screen, "plan")
    return screen.messages.filter(has_text="regatta on Saturday").first


def _show_running(screen: Screen, lab: Lab, card: Locator) -> None:
    screen.button("Approve", card).click()
    visitor = Visitor(lab)
    visitor.until(lambda: visitor.audit(_LAUNCHES), "nothing is launched")
    lab.aws.faults.delay("RegisterTargets", _HELD_SECONDS)
    held = card.locator(".line").filter(has=screen.page.locator(".doing")).filter(has_text="put the proved")
    held.wait_for()
    _save(screen, "running", card)
    expect(card).to_contain_text("4 of 4 clones serve")


def _show_digest(screen: Screen) -> None:
    screen.become("bob")
    screen.type("/clone scale 8")
    screen.messages.filter(has_text="4 → 8 clones").wait_for()
    screen.type("Thank you, ada!")
    digest = screen.messages.filter(has_text="Awaits approval")
    digest.wait_for(timeout=_DIGEST_AFTER / timedelta(milliseconds=1))
    _save(screen, "digest", digest)


def _save(screen: Screen, name: str, shown: Locator | None = None) -> None:
    """Take a picture of all, or of one message, which may be drawn anew meanwhile."""
    area = None
    if shown:
        screen.page.set_viewport_size({"width": _WIDTH, "height": 1000})
        shown.scroll_into_view_if_needed()
        area = shown.bounding_box()
    path = PICTURES / f"{name}.png"
    screen.page.mouse.move(0, 0)
    screen.page.screenshot(path=path, clip=area, animations="disabled", caret="hide")
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
