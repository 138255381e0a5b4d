"""The lab's page in a real browser, by mouse, by keyboard, and on a telephone's screen."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from bot.domain.operation import Stage
from tests.browser.conftest import Open
from tests.browser.screen import SECONDS, Screen
from tests.scenarios.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")
expect.set_options(timeout=SECONDS)


def ask(screen: Screen, visitor: Visitor, text: str) -> str:
    """Type a command that opens an operation, and see its card; return the operation's id."""
    known = screen.messages.filter(has_text="asked by").count()
    screen.type(f"/clone {text}")
    expect(screen.messages.filter(has_text="asked by")).to_have_count(known + 1)
    found = visitor.audit("SELECT operation FROM audit WHERE kind = 'planned' ORDER BY seq DESC LIMIT 1")
    return str(found[0][0])


def test_a_fleet_is_scaled_out_by_clicking_and_its_clones_serve_the_site(
    screen: Screen, visitor: Visitor
) -> None:
    operation = ask(screen, visitor, "scale 3")
    card = screen.card(operation)
    expect(card).to_contain_text("Awaiting approval by somebody else than @bob")

    # The card is brought up to date every two seconds; it is to be seen in between.
    visitor.lab.aws.faults.delay("RegisterTargets", 6)
    screen.become("ada")
    screen.button("Approve", card).click()

    expect(card).to_contain_text("steps done")
    expect(card).to_contain_text("Done: web: 3 of 3 clones serve.")
    expect(screen.button("Approve", card)).to_have_count(0)
    assert len(visitor.serving()) == 3
    _see_steps_in_thread(screen)
    _see_site_from_a_clone(screen, visitor)


def _see_steps_in_thread(screen: Screen) -> None:
    screen.page.get_by_role("button", name="last at").last.click()
    thread = screen.page.get_by_role("log", name="Replies")
    expect(thread).to_contain_text("@bob web: 3 of 3 clones serve.")
    lines = thread.locator(".line").all_inner_texts()
    steps = [int(found[1]) for line in lines if (found := re.search(r"\d+ of (\d+), ", line))]
    assert len(set(steps)) == 1, lines
    assert len(steps) >= steps[0] - 1 >= 10, lines
    screen.page.keyboard.press("Escape")
    expect(thread).to_be_hidden()


def _see_site_from_a_clone(screen: Screen, visitor: Visitor) -> None:
    screen.page.get_by_role("navigation", name="Channels").get_by_role("link", name="The site").click()
    site = screen.page.frame_locator("iframe")
    clones = visitor.serving()
    for _ in range(20):
        expect(site.get_by_text("This page was served by")).to_be_visible()
        if any(clone in site.locator("body").inner_text() for clone in clones):
            break
        with screen.page.expect_event("framenavigated"):
            screen.button("⟳ Load again").click()
    else:
        raise AssertionError("no page came from a clone")
    site.get_by_label("Your name").fill("Ann")
    site.get_by_label("Your message").fill("A fine boat")
    site.get_by_role("button", name="Sign the guestbook").click()
    expect(site.get_by_text("A fine boat")).to_be_visible()


def test_without_a_mouse_an_operation_is_asked_for_approved_and_cancelled(
    screen: Screen, visitor: Visitor
) -> None:
    operation = ask(screen, visitor, "scale +4")
    card, keyboard = screen.card(operation), screen.page.keyboard
    screen.tab_to(screen.page.get_by_role("button", name="ada lead, approves"))
    keyboard.press("Enter")
    expect(screen.page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    visitor.lab.aws.faults.delay("RunInstances", 3, times=1)

    screen.tab_to(screen.button("Approve", card), "Shift+Tab")
    keyboard.press("Enter")
    expect(card).to_contain_text("approved by @ada")

    screen.tab_to(screen.button("Cancel", card))
    dialog = screen.page.get_by_role("dialog", name="Cancel this operation?")
    keyboard.press("Enter")
    expect(dialog).to_contain_text("What it started and does not serve yet is removed")
    keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert not visitor.operation(operation).cancelled_by
    screen.tab_to(screen.button("Cancel", card))
    keyboard.press("Enter")
    screen.tab_to(screen.button("Cancel it", dialog))
    keyboard.press("Enter")

    expect(card).to_contain_text("Cancelled:")
    assert visitor.end_of(operation).stage is Stage.CANCELLED


def test_a_private_answer_is_seen_by_who_asked_and_by_nobody_else(screen: Screen) -> None:
    screen.type("/clone whoami")
    expect(screen.newest).to_contain_text("Only visible to you")

    screen.become("eve")
    expect(screen.messages.filter(has_text="Only visible to you")).to_have_count(0)

    screen.become("bob")
    expect(screen.messages.filter(has_text="Only visible to you").last).to_contain_text("You may")


def test_a_denied_plan_has_no_buttons_and_names_who_denied_it(screen: Screen, visitor: Visitor) -> None:
    card = screen.card(ask(screen, visitor, "scale +4"))
    screen.become("ada")

    screen.button("Deny", card).click()

    expect(card).to_contain_text("Denied by @ada")
    expect(screen.button("Approve", card)).to_have_count(0)
    expect(screen.button("Deny", card)).to_have_count(0)


def test_on_a_telephone_nothing_is_wider_than_the_screen(open_page: Open, visitor: Visitor) -> None:
    screen = open_page(width=360, height=740)
    card = screen.card(ask(screen, visitor, "scale +4"))
    expect(screen.button("Approve", card)).to_be_in_viewport()
    assert screen.overflow() == 0

    screen.button("Channels and people").click()
    assert screen.overflow() == 0
    screen.become("ada")
    screen.button("Deny", card).click()
    expect(card).to_contain_text("Denied by @ada")
    for place in ("The site", "How to read the records"):
        screen.button("Channels and people").click()
        screen.page.get_by_role("navigation").get_by_role("link", name=place).click()
        expect(screen.page.get_by_role("heading", name=place, exact=True)).to_be_visible()
        assert screen.overflow() == 0


def test_the_page_is_fit_for_readers_of_every_kind(screen: Screen, visitor: Visitor) -> None:
    card = screen.card(ask(screen, visitor, "scale +4"))
    screen.type("/clone help")
    expect(screen.newest).to_contain_text("What you can type")

    assert faults(screen.page) == []
    screen.page.emulate_media(color_scheme="dark")
    assert faults(screen.page) == []
    screen.become("ada")
    screen.button("Deny", card).click()
    expect(card).to_contain_text("Denied")
    screen.button("Reply in thread", card).click()
    assert faults(screen.page) == []


_FOCUS = """() => {
  const node = document.activeElement, around = node.closest(".composer") ?? node;
  const outline = getComputedStyle(node).outlineStyle;
  return [node.tagName + node.innerText, outline, getComputedStyle(around).boxShadow];
}"""


def faults(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA and good practice."""
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def test_the_focus_is_seen_wherever_tab_leads(screen: Screen) -> None:
    places = set()
    for _ in range(25):
        screen.page.keyboard.press("Tab")
        place, outline, shadow = screen.page.evaluate(_FOCUS)
        assert place.startswith("BODY") or outline != "none" or shadow != "none", place
        places.add(place)
    assert len(places) > 10
