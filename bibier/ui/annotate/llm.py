"""What a language model says of a clip's words, asked for by a person and kept in the store as a proposal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bibier.annotation import proposals
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.inference.queue import InferenceQueue
from bibier.soft_labels.cache import Cache
from bibier.soft_labels.suggest import Engine, SuggestionSettings, suggest

REST = 20.0  # s for which a model that was not reached is not asked again: whoever asks is told at once


class LlmProposer:
    """Asks a language model about one clip at a time, without its label: the honest way.

    Parameters
    ----------
    store
        Where an answer is kept, as a proposal that belongs to nobody.
    engine
        Makes the engine when it is first needed. Raises InputError when it can't.
    cache
        Keeps answers, so that no text is asked about twice.
    settings
        How the model is asked; the usual way by default.
    queue
        The queue of the device on which the engine runs; one of its own when it runs elsewhere.
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(
        self,
        store: Store,
        engine: Callable[[], Engine],
        cache: Cache,
        settings: SuggestionSettings | None = None,
        queue: InferenceQueue | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.store, self.cache, self.settings, self.clock = store, cache, settings or SuggestionSettings(), clock
        self.queue = queue or InferenceQueue()
        self._make, self._engine = engine, None
        self.lock = threading.Lock()
        self._failed: tuple[float, InputError] | None = None  # when the model was not reached, and what is said of it

    def __call__(self, project: str, clip: ProjectClip) -> str:
        """Return the source of the proposal for a clip, asked for or known. Raises InputError; nothing is kept then."""
        if not clip.text.strip():
            raise InputError("advice-no-text")
        with self.lock:
            if self._failed and self.clock() - self._failed[0] < REST:
                raise self._failed[1]
            try:
                engine = self._engine = self._engine or self._make()
                source = f"llm:{engine.model}"
                with self.store.reading(project) as log:
                    if (clip.sha256, source) in log.state.proposals:
                        return source
                with self.queue.ticket():
                    suggestion = suggest(engine, clip.text, settings=self.settings, cache=self.cache)
            except InputError as error:
                if error.key == "llm-unreachable":
                    self._failed = self.clock(), error
                raise
            self._failed = None
        if suggestion.probabilities is None:
            raise InputError(
                "advice-invalid", model=engine.model, kind=suggestion.invalid, answer=suggestion.answer[:200]
            )
        proposals.keep(self.store, project, clip.sha256, {source: suggestion.probabilities})
        return source
