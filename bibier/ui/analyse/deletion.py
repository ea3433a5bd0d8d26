"""*Delete my recordings* while one of them is being judged, perhaps in another tab of the browser: that ends, and
nothing of it is shown or kept.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from bibier.i18n.page import say
from bibier.security.session import Visitor
from bibier.ui.analyse.erasure import Erased, Erasure
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.analyse.page_values import blank, told
from bibier.ui.analyse.updates import AnalyseUpdate
from bibier.ui.client import ClientContext
from bibier.ui.live.service import LiveService

Shown = TypeVar("Shown")


class Deletion:
    """Deletes for a visitor, and ends what works on what is deleted.

    Parameters
    ----------
    privacy
        Deletes files and clips.
    long
        The handlers of recordings, of long ones and of clips: their results are forgotten.
    live
        Hears what is judged while it is spoken.
    """

    def __init__(self, privacy: Erasure, long: LongFormHandlers, live: LiveService | None = None):
        self.privacy, self.long, self.live = privacy, long, live
        self.analysing: AnalyseHandlers = long.clips
        self.lock = threading.Lock()
        self.works: dict[str, list[threading.Event]] = {}  # session → of each that works, whether it is to end

    @contextmanager
    def working(self, session: str) -> Iterator[Callable[[], bool]]:
        """Work on recordings of a session; what it gives tells whether they were deleted since it began."""
        gone = threading.Event()
        with self.lock:
            self.works.setdefault(session, []).append(gone)
        try:
            yield gone.is_set
        finally:
            with self.lock:
                self.works[session].remove(gone)
                if not self.works[session]:
                    del self.works[session]

    def until(self, session: str, steps: Iterator[Shown]) -> Generator[Shown, None, bool]:
        """Pass on what `steps` give until the session deletes its recordings; return whether it did."""
        with self.working(session) as deleted:
            for shown in steps:
                if deleted():
                    break
                yield shown
            if isinstance(steps, Generator):
                steps.close()
            return deleted()

    def passing(
        self, context: ClientContext, clip: str | None, steps: Iterator[AnalyseUpdate]
    ) -> Iterator[AnalyseUpdate]:
        """Pass on what an analysis of `clip` gives; once it is deleted, say so in its place."""
        if (yield from self.until(context.owner[0], steps)):
            yield self.nothing(context, clip)

    def passing_one(self, context: ClientContext, clip: str | None, act: Callable[[], AnalyseUpdate]) -> AnalyseUpdate:
        """Return what `act` on `clip` gives; where it was deleted meanwhile, that in its place."""
        with self.working(context.owner[0]) as deleted:
            shown = act()
            return self.nothing(context, clip) if deleted() else shown

    def nothing(self, context: ClientContext, clip: str | None) -> AnalyseUpdate:
        """Forget what was kept of `clip` since it was deleted, and show that it was."""
        recording = self.long.cache.get(context.token, context.owner)
        if recording is not None and recording.clip == clip:
            self.long.forget(context)
        state = self.analysing.cache.get(context.token, context.owner)
        if state is not None and state.clip == clip:
            self.analysing.cache.put(context.token, None)
        ended = told(partial(say, "erased_running"), context.theme.language, still=True)
        return blank(context.theme) | {"ribbon": None, "state": None, "stage": ended, "analyse": True}

    def end(self, session: str) -> None:
        """End all that is being done for a session, and forget what its tabs would show after a reload."""
        with self.lock:
            for gone in self.works.get(session, ()):
                gone.set()
        queue = self.analysing.services.queue
        queue.end(queue.of_session(session))
        if self.live is not None:
            self.live.close_of(session)
        for analysis in self.long.cache.drop(session):
            analysis.stopping.set()
            shutil.rmtree(self.long.folder / analysis.folder, ignore_errors=True)
        self.analysing.cache.drop(session)

    def erase(self, guest: Visitor) -> Erased:
        """Delete everything of a session that nobody else needs. Raises InputError of the store."""
        self.end(guest.session)
        try:
            return self.privacy.erase(guest)
        finally:
            self.end(guest.session)  # what began while the files were still there
