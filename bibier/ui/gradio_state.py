"""What Gradio keeps in memory of each tab, kept from growing as long as the tab is used."""

from __future__ import annotations

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
    """All tabs by their random names; beyond `state_session_capacity`, the longest unused is forgotten."""

    def __getitem__(self, session_id: str) -> TabState:
        if session_id not in self.session_data:
            self.session_data[session_id] = TabState(self.blocks)
        tab = super().__getitem__(session_id)
        assert isinstance(tab, TabState)
        return tab


def keep(page: gr.Blocks) -> None:
    """Let a page that is being served keep its tabs in this way."""
    tabs = TabStates()
    tabs.set_blocks(page)
    page.app.state_holder = tabs
