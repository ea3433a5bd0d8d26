"""What is kept of an open tab: as much after many answers as after the first."""

import httpx
import pytest
from served import free_port

from bibier.ui import gradio_state
from bibier.ui.gradio_import import gradio as gr


def ask(page, times: int) -> list[str]:
    """Call the page's function from one tab; give what came back."""
    call = {"fn_index": 0, "session_hash": "tab"}
    answers = [
        httpx.post(f"{page.local_url}gradio_api/run/predict", json=call | {"data": [f"{number}"]})
        for number in range(times)
    ]
    return [answer.raise_for_status().json()["data"][0] for answer in answers]


@pytest.fixture
def page():
    with gr.Blocks(analytics_enabled=False) as page:
        textbox, panel, button = gr.Textbox(), gr.HTML(), gr.Button()
        # parts left alone and parts given take turns, as on our page
        button.click(lambda text: (text + "!", gr.skip() if text == "0" else text), textbox, [textbox, panel])
    page.launch(prevent_thread_lock=True, server_port=free_port(), quiet=True, ssr_mode=False, enable_monitoring=False)
    yield page
    page.close(verbose=False)


def test_a_tab_does_not_grow_with_its_answers(page):
    gradio_state.keep(page)
    sizes = []
    for _ in range(3):
        assert ask(page, 4) == ["0!", "1!", "2!", "3!"]
        tab = page.app.state_holder["tab"]
        sizes.append((len(tab.blocks_config.blocks), len(tab.config_values)))
    assert sizes == [(len(page.blocks), 0)] * 3  # and nothing of what the browser was told


def test_gradio_s_own_tabs_grow(page):
    """When this fails, Gradio has mended it, and `bibier/ui/gradio_state.py` can go."""
    ask(page, 4)
    assert len(page.app.state_holder["tab"].blocks_config.blocks) > len(page.blocks)


def test_no_table_of_all_events_is_made_after_each(page, monkeypatch):
    """Its only reader is a page of figures that is closed."""
    tables = []
    monkeypatch.setattr(page._queue, "_get_df", lambda records: tables.append(len(records)))
    event = {"fn_index": 0, "session_hash": "tab", "data": ["1"]}
    httpx.post(f"{page.local_url}gradio_api/queue/join", json=event).raise_for_status()
    answer = httpx.get(f"{page.local_url}gradio_api/queue/data", params={"session_hash": "tab"}, timeout=60)
    assert '"process_completed"' in answer.text and tables == [] and page._queue.events_recorded == 1
