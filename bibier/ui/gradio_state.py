"""What Gradio keeps in memory of each tab, kept from growing as long as the tab is used."""

from __future__ import annotations

from collections.abc import Callable

from bibier.ui.fair_share import Owner, first_to_go
from bibier.ui.gradio_import import Block, SessionState, StateHolder
from bibier.ui.gradio_import import gradio as gr


class TabState(SessionState):
    """The parts of one tab's page, as its answers have changed them.

    With each answer Gradio 6.31 makes the parts anew, each under a number of its own, keeps them under the old number,
    and at the next answer under the new one too: about 16 parts an analysis, for as long as the tab is known. Here a
    part made anew takes the number of the one in whose place it comes.
    """

    def __setitem__(self, key: int, value: object) -> None:
        if isinstance(value, Block):
            value._id = key
        super().__setitem__(key, value)


class TabStates(StateHolder):
    """All tabs by their random names; beyond `state_session_capacity`, of who has the most the longest unused goes.

    Parameters
    ----------
    owner
        Whose a tab is.
    """

    def __init__(self, owner: Callable[[str], Owner]):
        super().__init__()
        self.owner = owner

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


def keep(page: gr.Blocks, owner: Callable[[str], Owner] = nobody) -> None:
    """Let a page that is being served keep its tabs in this way."""
    tabs = TabStates(owner)
    tabs.set_blocks(page)
    page.app.state_holder = tabs
