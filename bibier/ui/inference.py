"""Every inference that the page asks for, in one way: in its turn on the device, stoppable, one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from bibier.asr.recognisers import Choice
from bibier.errors import Cancelled, InputError, LoadError, PlaceLost, let_go
from bibier.i18n.page import say
from bibier.inference.queue import APART, BUSY, DEVICE, InferenceQueue, Ticket, rounded_up
from bibier.pauses import interruptible
from bibier.ui.client import ClientContext
from bibier.ui.request_log import RequestLog

PACE = 0.5  # s between two looks at the queue
# Reasons that have nothing to do with what was brought: what stands on the page stays there.
NO_FAULT = (*BUSY, "model-memory", "model-failed")


def broken(error: MemoryError | RuntimeError) -> InputError:
    """Say what a failure inside a model means; torch's own error of memory is a RuntimeError."""
    short = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return InputError("model-memory" if short or "allocate memory" in str(error) else "model-failed")


def sentence(error: InputError | LoadError, language: str) -> str:
    """Return what an error that left `inference` says to a person."""
    return error.text(language) if isinstance(error, InputError) else str(error)


class Inference:
    """What runs inside `inference`.

    Parameters
    ----------
    queue
        Of the device.
    context
        Who asks, and in which language.
    log
        Gets the line that tells how it ended.
    tab
        Its name in the queue, by which it is stopped.
    """

    def __init__(self, queue: InferenceQueue, context: ClientContext, log: RequestLog, tab: str):
        self.queue, self.language, self.log, self.tab = queue, context.theme.language, log, tab
        self.owner = context.owner
        self.lane = DEVICE  # until it stands in the queue, another may be chosen
        self.ticket: Ticket | None = None

    def listen(self, choice: Choice) -> None:
        """Stand where one waits for this recogniser."""
        self.lane = APART if choice.apart else DEVICE

    def places(self) -> Iterator[str]:
        """Stand in the queue until the turn has come, and say now and then how many come before and how long it takes;
        nothing where it has come already.

        Raises InputError when the queue is full, Cancelled when it was stopped.
        """
        if self.ticket is not None:
            return
        self.ticket = ticket = self.queue.enqueue(self.tab, owner=self.owner, lane=self.lane)
        while not ticket.wait(PACE):
            before, seconds = ticket.position()
            yield say("stage_place", self.language, before=before, seconds=rounded_up(seconds))
        self.log.turn()

    def wait(self) -> None:
        """Stand in the queue until the turn has come, saying nothing. Raises InputError, Cancelled."""
        self.ticket = self.queue.enqueue(self.tab, owner=self.owner, lane=self.lane)
        self.ticket.wait()
        self.log.turn()

    def stage(self, name: str) -> None:
        """Go on to a stage, which the log names. Raises Cancelled when it was stopped."""
        self.check()
        self.log.stage = name

    def check(self) -> None:
        """Raise Cancelled when it was stopped."""
        if self.ticket is not None:
            self.ticket.check()

    def pass_turn(self) -> None:
        """Let whoever waits have the device first, between the parts of a long inference. Raises Cancelled."""
        if self.ticket is not None:
            self.ticket.pass_turn()

    def interruptible(self) -> AbstractContextManager[None]:
        """Let whoever waits have the device first, and end where it was stopped, in each pause of what is done inside;
        a generator must not yield there.
        """
        return interruptible(self.pass_turn, check=self.check)

    def leave(self) -> None:
        """Give the device, or the place in the queue, to the next; may be called again."""
        if self.ticket is not None:
            self.ticket.release()
            self.ticket = None


@contextmanager
def inference(
    queue: InferenceQueue, context: ClientContext, event: str, *, tab: str | None = None
) -> Iterator[Inference]:
    """Run an inference of the page: the device is given back and one line is logged, however it ends.

    Parameters
    ----------
    queue
        Of the device.
    context
        Who asks.
    event
        What it is called in the log.
    tab
        Its name in the queue, where stopping the tab's other inferences is not to stop it.

    Raises
    ------
    Cancelled
        It was stopped.
    InputError
        What was brought can't be used, the queue is full, or the model failed on it.
    LoadError
        The models did not load.
    """
    run = Inference(queue, context, RequestLog(event, context.request), context.tab if tab is None else tab)
    try:
        yield run
        run.log("ok")
    except PlaceLost as lost:
        run.log.refused(lost.reason)
        let_go(lost)
        raise lost.reason from None
    except (Cancelled, GeneratorExit) as error:  # the second: the page was closed
        run.log("cancelled")
        let_go(error)
        raise
    except InputError as error:
        run.log.refused(error)
        let_go(error)
        raise
    except LoadError as error:
        run.log.failed(error)
        raise
    except (MemoryError, RuntimeError) as error:
        run.log.failed(error)
        let_go(error)
        raise broken(error) from error
    finally:
        run.leave()
        run.log("failed", level=logging.ERROR)  # something else, which Gradio reports
