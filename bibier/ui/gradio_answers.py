"""What an answer leaves as it is costs nothing, and what ended in an error says why.

For each part that a function may change and that its answer does not name, Gradio 6.31 makes the part anew, with two
looks at its signature, and tells the browser of no change: for the dozen of parts of an analysis, half of the time that
an answer takes of the event loop, at each of its stages.

A function that raised anything but Gradio's own error is answered with `{"error": null}`.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from bibier.ui.components import scope_of
from bibier.ui.gradio_faults import told_as
from bibier.ui.gradio_import import Block, SessionState
from bibier.ui.gradio_import import gradio as gr

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

SKIP = gr.skip()  # what the browser is told of a part that stays


class LeanBlocks(gr.Blocks):
    """A page whose answers make only those parts anew that they name, and whose errors are sentences."""

    async def call_function(
        self,
        block_fn: BlockFunction | int,
        processed_input: list[Any],
        iterator: AsyncIterator[Any] | None = None,
        requests: gr.Request | list[gr.Request] | None = None,
        *others: Any,
        **options: Any,
    ) -> dict[str, Any]:
        """Call a function as Gradio does. Raises gr.Error, in the visitor's language, for whatever it raised."""
        try:
            return await super().call_function(block_fn, processed_input, iterator, requests, *others, **options)
        except gr.Error:
            raise
        except Exception as error:
            request = requests[0] if isinstance(requests, list) else requests
            raise told_as(error, None if request is None else scope_of(request)) from error

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """Have Gradio write what the answer names, and the rest as it would have."""
        outputs = block_fn.outputs
        if not isinstance(predictions, dict) or not predictions or not all(part in outputs for part in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        named = [part for part in outputs if part in predictions and predictions[part] != SKIP]
        written: dict[Block, Any] = {}
        if named:
            lesser = copy.copy(block_fn)
            lesser.outputs = named
            values = await super().postprocess_data(lesser, {part: predictions[part] for part in named}, state)
            written = dict(zip(named, values, strict=True))
        return [written[part] if part in written else None if part.stateful else dict(SKIP) for part in outputs]
