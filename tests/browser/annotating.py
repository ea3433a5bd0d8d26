"""What a person does in the Annotate tab, for browser tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

# what the same key gives on a Russian layout
RUSSIAN = {"KeyL": "д", "KeyH": "р", "KeyP": "з", "KeyC": "с", "KeyR": "к"}


VALUES = "[...document.querySelectorAll('.bar input[type=number]')].map((one) => one.value)"


def enter(visitor: Visit, person: str) -> None:
    page = visitor.page
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".studio .who option", state="attached")
    name = page.locator(".studio .who input[type=text]").first
    if name.input_value() != person:
        name.fill(person)
        name.press("Enter")
    page.wait_for_selector(".desk:not([hidden])")


def values(page) -> list[int]:
    return [int(value) for value in page.evaluate(VALUES)]


def title(page) -> str:
    return page.inner_text(".clip h2").split()[-1]


def done(page, count: int) -> None:
    """Wait until the progress says so."""
    page.wait_for_function(f"document.querySelector('.far')?.textContent.match(/\\d+/)?.[0] === '{count}'")


class Keys:
    """Presses keys by their place on the keyboard; on a Russian layout, letters come out as Russian ones."""

    def __init__(self, page, layout: str):
        self.session, self.layout = page.context.new_cdp_session(page), layout

    def __call__(self, *codes: str) -> None:
        for code in codes:
            shift, code = code.startswith("Shift+"), code.removeprefix("Shift+")
            key = code.removeprefix("Key").lower() if code.startswith("Key") else code.removeprefix("Digit")
            if self.layout == "russian":
                key = RUSSIAN.get(code, key)
            press = {"code": code, "key": key, "modifiers": 8 if shift else 0}
            self.session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown"} | press)
            self.session.send("Input.dispatchKeyEvent", {"type": "keyUp"} | press)
