"""What an answer leaves as it is: told to the browser as by Gradio itself, and made anew no more."""

import errno
import json
import logging

import httpx
import pytest
from served import free_port

from bibier.errors import InputError
from bibier.ui import gradio_state
from bibier.ui.gradio_answers import SKIP, LeanBlocks
from bibier.ui.gradio_import import gradio as gr


def answers(kind: type[gr.Blocks]) -> tuple[list[object], list[str]]:
    """Return what a page of a kind answers to a few calls, and which text fields it made for that."""
    with kind(analytics_enabled=False) as page:
        first, second, third = (gr.Textbox(elem_id=name) for name in ("first", "second", "third"))
        panel, state, choice, button = gr.HTML(), gr.State("kept"), gr.Radio(["a", "b"]), gr.Button()
        parts = [first, second, third, panel, state, choice]
        told = {
            "one": {first: "text"},
            "some": {second: gr.Textbox(visible=False), panel: {"key": "idle"}, state: "new"},
            "choices": {choice: gr.Radio(choices=["c"], value="c"), third: None},
            "skipped": {first: gr.skip()},
            "all": {first: "1", second: "2", third: "3", panel: "4", state: "5", choice: "a"},
            "list": [*("1", "2", "3", "4", "5"), "a"],
        }
        button.click(lambda name, kept: told[name], [first, state], parts)
        button.click(lambda name: {second: name}, [first], [second])
        button.click(lambda name: {second: "none of its parts"}, [first], [third, panel])

        def stages(name):
            yield {first: name}
            yield {panel: name, first: gr.skip()}

        button.click(stages, [first], parts)
    page.launch(prevent_thread_lock=True, server_port=free_port(), quiet=True, ssr_mode=False, enable_monitoring=False)
    try:
        gradio_state.keep(page)

        def call(number: int, *values: object) -> object:
            sent = {"fn_index": number, "session_hash": "tab", "data": list(values)}
            answer = httpx.post(f"{page.local_url}gradio_api/run/predict", json=sent)
            return answer.status_code, answer.json().get("data")

        made, make = [], gr.Textbox.__init__

        def counted(self, *args, **options):
            made.append(options.get("elem_id"))
            make(self, *args, **options)

        with pytest.MonkeyPatch.context() as counting:
            counting.setattr(gr.Textbox, "__init__", counted)
            shown = [call(0, name, None) for name in told] + [call(number, "x") for number in (1, 2, 3)]
        return shown, [name for name in made if name]
    finally:
        page.close(verbose=False)


@pytest.fixture(scope="module")
def gradios():
    return answers(gr.Blocks)


def test_the_browser_is_told_the_same(gradios):
    """Apart from a property by the name of `__type__`, which Gradio gives to each part of our own that stays."""
    (theirs, _), (ours, _) = gradios, answers(LeanBlocks)
    strange = {"props": {"__type__": "update"}, "__type__": "update"}
    assert ours == [(code, data and [SKIP if part == strange else part for part in data]) for code, data in theirs]
    assert [status for status, _ in ours] == [200] * 7 + [500, 200]


def test_only_named_parts_are_made_anew(gradios):
    """Of an analysis's dozen of parts each stage names one or two; the others took half of the answer's time."""
    assert answers(LeanBlocks)[1] == ["second"]
    assert len(gradios[1]) > 10, "Gradio has mended it, and bibier/ui/gradio_answers.py can go"


@pytest.fixture(scope="module")
def failing():
    """Give the address of a page of which each function ends in an error of its own."""
    errors = (
        OSError(errno.ENOSPC, "No space left"),
        InputError("place-closed", place="<b>", reason="x"),
        KeyError("her words"),
    )
    with LeanBlocks(analytics_enabled=False) as page:
        for error in errors:

            def fail(error=error):
                raise error

            def fail_later(error=error):
                yield "a stage"
                raise error

            gr.Button().click(fail, [], [gr.Textbox()])
            gr.Button().click(fail_later, [], [gr.Textbox()])
    page.launch(prevent_thread_lock=True, server_port=free_port(), quiet=True, ssr_mode=False, enable_monitoring=False)
    gradio_state.keep(page)
    yield page.local_url
    page.close(verbose=False)


@pytest.mark.parametrize(
    "number, english, russian, shown, faults",
    [
        (0, "The disk of the server is full", "Диск сервера заполнен", True, 1),
        (1, "&lt;b&gt;", "&lt;b&gt;", True, 0),
        (2, "the reason is in the server log", "причина — в журнале сервера", False, 1),
    ],
)
def test_an_error_is_a_sentence(failing, caplog, number, english, russian, shown, faults):
    """Programs read `{"error": null}` of a full disk, and the page said that something had failed."""
    for language, sentence in (("en", english), ("ru", russian)):
        for later in (0, 1):
            caplog.clear()
            with caplog.at_level(logging.ERROR), httpx.Client(headers={"accept-language": language}) as visitor:
                sent = {"fn_index": 2 * number + later, "session_hash": "tab", "data": []}
                if later:
                    visitor.post(f"{failing}gradio_api/queue/join", json=sent)
                    with visitor.stream("GET", f"{failing}gradio_api/queue/data?session_hash=tab") as answer:
                        told = next(line for line in answer.iter_lines() if "process_completed" in line)
                    output = json.loads(told.removeprefix("data:"))["output"]
                else:
                    answer = visitor.post(f"{failing}gradio_api/run/predict", json=sent)
                    assert answer.status_code == 500
                    output = answer.json()
            assert sentence in output["error"] and output["visible"] is shown and "her words" not in output["error"]
            assert len(caplog.records) == faults and "her words" not in caplog.text
