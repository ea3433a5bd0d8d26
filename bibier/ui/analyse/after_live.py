"""What was judged while it was spoken, taken over once the recording has come: only the rest is judged then."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bibier.audio.long_recording import Recording
from bibier.audio.segmentation import Segment, cut
from bibier.errors import InputError
from bibier.ui.client import ClientContext
from bibier.ui.inference import Inference
from bibier.ui.live.service import LiveService

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.live import LiveSession, LiveSessions
    from bibier.inference.long_form import SegmentResult

LOOK = 0.1  # s between two looks at the session
PATIENCE = 5.0  # s for its last blocks
SLACK = 0.5  # s by which a recording and what was heard of it may differ
LEAST = 1.0  # s at the end that were not heard and are worth judging


@dataclass(frozen=True)
class LiveResults:
    """What a live session knows of the recording that it heard.

    Parameters
    ----------
    sessions
        Where it is kept.
    session
        Has ended; its last utterances may still be judged.
    """

    sessions: LiveSessions
    session: LiveSession

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return self.session.heard / self.session.rate

    def segments(self) -> list[Segment]:
        """Return all utterances, judged or not."""
        with self.session.lock:
            judged = [result.segment for result in self.session.results]
            return judged + [Segment(waiting.start, waiting.end) for waiting in self.session.waiting]

    def unheard(self, recording: Recording) -> list[Segment]:
        """Return the segments of what came after the last block that arrived, none where all did."""
        if recording.silent or recording.duration - self.seconds < LEAST:
            return []
        tail = recording.samples[round(self.seconds * len(recording.samples) / recording.duration) :]
        return [Segment(found.start + self.seconds, found.end + self.seconds) for found in cut(tail)]

    def results(self, stopped: Callable[[], bool]) -> Iterator[SegmentResult]:
        """Yield what was judged, in order, and what is still being judged as it is ready."""
        number = 0
        while not stopped():
            view = self.session.view(number)
            yield from view.results
            number += len(view.results)
            if view.done or self.session.closed:
                return
            if not view.results:
                self.sessions.find(self.session.name, self.session.owner[0])  # a sign of life
                time.sleep(LOOK)

    def close(self) -> None:
        """Let the session go."""
        self.sessions.close(self.session)


def take(live: LiveService | None, context: ClientContext) -> LiveResults | None:
    """Return what a tab's session heard, once it has ended; None where there is none, or nothing was said."""
    if live is None or not context.live:
        return None
    try:
        sessions, session = live.find(context.live, context.owner[0])
    except InputError:  # it is over: the recording is judged as any other
        return None
    deadline = time.monotonic() + PATIENCE
    while not session.ended and not session.closed and time.monotonic() < deadline:
        time.sleep(LOOK)
    sessions.end(session).result()
    taken = LiveResults(sessions, session)
    if taken.segments():
        return taken
    taken.close()
    return None


def judged(
    taken: LiveResults,
    run: Inference,
    recording: Recording,
    rest: list[Segment],
    stopped: Callable[[], bool],
) -> Generator[SegmentResult, None, None]:
    """Yield what was judged live, then the `rest` in the device's turn. Raises InputError when the queue is full."""
    from bibier.inference.long_form import iter_segments
    from bibier.inference.predictor import NOTHING_SAID

    yield from taken.results(stopped)
    if rest and not stopped():
        run.wait()
        silence = None if taken.session.recognises else NOTHING_SAID
        yield from iter_segments(taken.session.predictor, recording, rest, transcript=silence, cancelled=stopped)
