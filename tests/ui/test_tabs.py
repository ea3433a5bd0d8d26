"""What is kept of an open tab: as much after many answers as after the first."""

import httpx
import pytest
from served import free_port

from bibier.ui import gradio_state
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.gradio_upload import bound_uploads


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


def test_of_parts_made_anew_only_those_with_other_choices_are_kept():
    """Each of the others is 3 to 5 kB in each tab; the choices decide whether an answer of the browser's is one."""
    with gr.Blocks(analytics_enabled=False) as page:
        textbox, panel, button = gr.Textbox(), gr.HTML(), gr.Button()
        same, other = gr.Radio(["a", "b"]), gr.Dropdown(["a", "b"])

        def work(text: str) -> list[object]:
            shown = gr.update(value="y", visible=False), gr.update(value="a"), gr.update(choices=["c"], value="c")
            return [text + "!", *shown]

        button.click(work, textbox, [textbox, panel, same, other])
        gr.Button().click(lambda chosen: chosen, other, textbox)
    page.launch(prevent_thread_lock=True, server_port=free_port(), quiet=True, ssr_mode=False, enable_monitoring=False)
    try:
        gradio_state.keep(page)
        call = {"session_hash": "tab", "fn_index": 0, "data": ["x"]}
        for _ in range(2):
            shown = httpx.post(f"{page.local_url}gradio_api/run/predict", json=call).raise_for_status().json()["data"]
            assert shown[0] == "x!" and [update["value"] for update in shown[1:]] == ["y", "a", "c"]
            assert shown[1]["visible"] is False and shown[3]["choices"] == [["c", "c"]]
        tab = page.app.state_holder["tab"]
        assert isinstance(tab, gradio_state.TabState) and tab.made == {}
        assert [number for number, part in tab.blocks_config.blocks.items() if part is not page.blocks[number]] == [
            other._id
        ]
        chosen = call | {"fn_index": 1, "data": ["c"]}
        answer = httpx.post(f"{page.local_url}gradio_api/run/predict", json=chosen)
        assert answer.raise_for_status().json()["data"] == ["c"]
    finally:
        page.close(verbose=False)


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


def upload(page) -> None:
    """Send a file, as the page does."""
    sent = {"files": ("a.txt", b"a", "text/plain")}
    httpx.post(f"{page.local_url}gradio_api/upload", files=sent).raise_for_status()


def test_paths_of_uploads_are_not_noted(page):
    bound_uploads(page)
    upload(page)
    assert page.upload_file_set == set()


def test_gradio_s_own_notes_every_upload(page):
    """When this fails, Gradio has mended it, and `ForgottenPaths` can go."""
    upload(page)
    assert len(page.upload_file_set) == 1
