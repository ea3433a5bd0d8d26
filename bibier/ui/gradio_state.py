"""What Gradio keeps in memory of each tab, kept from growing as long as the tab is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from bibier.security.call_guard import events
from bibier.ui.fair_share import Owner, first_to_go
from bibier.ui.gradio_import import Block, SessionState, StateHolder
from bibier.ui.gradio_import import gradio as gr

QUIET = 600.0  # s that a closed tab is kept: its phone may only have been put away


def choices(part: Block) -> object:
    """Return what a part of the page lets one choose from, None where it has nothing of the kind."""
    return getattr(part, "choices", None)


@dataclass(frozen=True)
class NoParts:
    """A page as a `SessionState` asks for it, with no part to describe."""

    default_config: object
    blocks: tuple[()] = ()


class TabState(SessionState):
    """The parts of one tab's page, as its answers have changed them.

    With each answer Gradio 6.31 makes the parts anew, each under a number of its own, keeps them under the old number,
    and at the next answer under the new one too: about 16 parts an analysis, of 3 to 5 kB, for as long as the tab is
    known. Here only one that offers other choices is kept, by which Gradio judges what the browser sends, under the
    number of the one in whose place it comes; all others read and write values as the page's own part does, and are
    there until Gradio has asked for them once, to see what the answer has changed.

    Of each part Gradio keeps all that the browser was told, 150 kB a tab and 20 ms of work, for links to a state of the
    page; here there are none.
    """

    def __init__(self, blocks: gr.Blocks):
        super().__init__(cast("gr.Blocks", NoParts(blocks.default_config)))
        self.made: dict[int, Block] = {}  # one part made anew that was not asked for yet, or none

    def __getitem__(self, key: int) -> object:
        part = self.made.pop(key, None)
        return part if part is not None else super().__getitem__(key)

    def __setitem__(self, key: int, value: object) -> None:
        if isinstance(value, Block):
            known = self.blocks_config.blocks.get(key)
            if known is not None and choices(known) == choices(value):
                self.made = {key: value}
                return
            value._id = key
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Note nothing of what the browser was told."""

    def _update_value_in_config(self, key: int, value: object) -> None:
        """Note nothing of what the browser was told."""


class TabStates(StateHolder):
    """All tabs by their random names; beyond `state_session_capacity`, of who has the most the longest unused goes.

    Gradio keeps what a closed tab showed, over a megabyte, until there are too many; here it goes after `QUIET`. What
    waits for its answer is no closed tab, however long that takes: a program's call never says that it is there.

    Parameters
    ----------
    owner
        Whose a tab is.
    is_open
        Whether a tab has a connection by which it says that it is there.
    """

    def __init__(self, owner: Callable[[str], Owner], is_open: Callable[[str], bool] = lambda tab: False):
        super().__init__()
        self.owner, self.is_open = owner, is_open

    def forget_closed(self, quiet: float = QUIET) -> int:
        """Forget tabs that are not open and were not used for so many seconds, and the queues of their messages; return
        how many.
        """
        last, queue = datetime.now() - timedelta(seconds=quiet), self.blocks._queue
        with self.lock:
            for event in events(self.blocks):
                if event.session_hash in self.time_last_used:
                    self.time_last_used[event.session_hash] = datetime.now()
            gone = [tab for tab, used in list(self.time_last_used.items()) if used < last and not self.is_open(tab)]
            for tab in gone:
                self.time_last_used.pop(tab)
                self.session_data.pop(tab, None)
                for messages in (queue.pending_messages_per_session, queue.pending_event_ids_session):
                    messages.pop(tab, None)
        return len(gone)

    def empty(self, session: str, part: int) -> None:
        """Empty a state, by the number of its part of the page, in all tabs of a session."""
        for tab, values in list(self.session_data.items()):
            if self.owner(tab)[0] == session and part in values.state_data:
                values.state_data[part] = None

    def __getitem__(self, session_id: str) -> TabState:
        if session_id not in self.session_data:
            with self.lock:
                while len(self.session_data) >= self.capacity:
                    gone = first_to_go(self.session_data, self.owner)
                    self.session_data.pop(gone)
                    self.time_last_used.pop(gone, None)
            self.session_data[session_id] = TabState(self.blocks)
        tab = super().__getitem__(session_id)
        assert isinstance(tab, TabState)
        return tab


def nobody(tab: str) -> Owner:
    """Take every tab for one visitor's."""
    return "", ""


def keep(
    page: gr.Blocks, owner: Callable[[str], Owner] = nobody, is_open: Callable[[str], bool] = lambda tab: False
) -> TabStates:
    """Let a page that is being served keep its tabs in this way; return them."""
    tabs = TabStates(owner, is_open)
    tabs.set_blocks(page)
    page.app.state_holder = tabs
    return tabs
