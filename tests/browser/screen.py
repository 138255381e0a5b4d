"""The lab's page as somebody uses it: with eyes, mouse and keyboard, and nothing else."""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request

SECONDS = 30_000
"""Milliseconds: how long a person waits for anything."""


class Screen:
    """One tab, in a browser that remembers nothing of other tabs."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1200, height: int = 800) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(SECONDS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        """What the browser complained of, and what it asked of others than the lab."""
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("request", self._watch)
        self.page.goto(url)
        self.page.get_by_text("clonebot is connected").wait_for()

    def close(self) -> None:
        """Close the tab."""
        self.context.close()

    def _watch(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and address.hostname != "127.0.0.1":
            self.complaints.append(f"asked for {request.url}")

    # -- doing

    def type(self, text: str) -> None:
        """Type into the message box and press Enter."""
        box = self.page.get_by_role("textbox", name="Message", exact=True)
        box.fill(text)
        box.press("Enter")

    def become(self, name: str) -> None:
        """Click somebody in the list of people."""
        self.page.get_by_role("region", name="Act as").get_by_role("button", name=name).click()

    def tab_to(self, target: Locator, key: str = "Tab") -> None:
        """Press Tab until the focus is there."""
        for _ in range(60):
            if target.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} does not lead to {target}")

    # -- seeing

    @property
    def messages(self) -> Locator:
        """The channel's messages."""
        return self.page.get_by_role("log", name="Messages").get_by_role("listitem")

    @property
    def newest(self) -> Locator:
        """The newest message."""
        return self.messages.last

    def card(self, operation: str) -> Locator:
        """The live message of an operation."""
        return self.messages.filter(has_text="asked by").filter(has_text=operation)

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """A button by its whole name."""
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width
