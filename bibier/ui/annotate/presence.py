"""Who works under one name: several tabs of a browser, or several people. They are told, and nobody is held back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Literal

from bibier.ui.annotate.reservations import HELD

ID = re.compile(r"[0-9a-f-]{36}")  # of a page and of a browser, which make them
PAGES = 16  # of one name that are remembered

Also = Literal["", "tab", "person"]


class Presence:
    """Pages by project and name, as long as they say that they are there.

    Parameters
    ----------
    clock
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self._pages: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}  # by page: until when, in which browser
        self._lock = threading.Lock()

    def meet(self, project: str, annotator: str, page: object, seat: object, *, here: bool = True) -> Also:
        """Note a page, or with `here` false that it was left; return who else is there under the name.

        What is no id of a page or a browser is noted nowhere.
        """
        if not isinstance(page, str) or not isinstance(seat, str) or not ID.fullmatch(page) or not ID.fullmatch(seat):
            return ""
        now = self.clock()
        with self._lock:
            for key, pages in list(self._pages.items()):
                alive = {name: entry for name, entry in pages.items() if entry[0] > now and name != page}
                if alive:
                    self._pages[key] = alive
                else:
                    del self._pages[key]
            others = self._pages.get((project, annotator), {})
            if here:
                newest = sorted(others.items(), key=lambda item: -item[1][0])[: PAGES - 1]
                self._pages[project, annotator] = {page: (now + HELD, seat), **dict(newest)}
        if any(browser != seat for _, browser in others.values()):
            return "person"
        return "tab" if others else ""
