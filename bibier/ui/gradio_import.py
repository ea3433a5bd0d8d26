"""Gradio, imported quickly and quietly: `from bibier.ui.gradio_import import gradio as gr`, and its inner parts.

At every import Gradio 6.31 rewrites a type stub beside each of its components, which is half of its import time. The
stubs serve editors only, and the step is skipped when a class's source file can't be found. Gradio also calls home at
import unless told otherwise. And it would load what the page uses nothing of: pandas (30 MB, with pyarrow 65), for a
cache and a dashboard, and at each event matplotlib (20 MB) where that is installed. With httpx comes its program for
the terminal, and with that rich, click and pygments (2 MB), unless it can't be imported.
"""

from __future__ import annotations

import inspect
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))  # events between two such tables
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")  # that it remembers for them
_getfile = inspect.getfile


def _unless_component(thing: object) -> str:
    """Stand in for `inspect.getfile` while Gradio is imported."""
    if isinstance(thing, type) and thing.__module__.startswith(("gradio.", "bibier.")):
        raise OSError("not needed")
    return _getfile(thing)  # pyright: ignore[reportArgumentType]  # whatever Gradio asks about goes on to it


inspect.getfile = _unless_component
_terminal = "httpx._main"
if "httpx" not in sys.modules:
    sys.modules[_terminal] = None  # pyright: ignore[reportArgumentType]  # as Python says of what can't be imported
_absent = ModuleType("pandas")  # Gradio's modules keep it, and whoever imports pandas later gets the true one
_pandas = sys.modules.setdefault("pandas", _absent)
try:
    import gradio
    from gradio import queueing, route_utils, routes, themes
    from gradio import utils as gradio_utils
    from gradio.blocks import Block, BlockContext
    from gradio.components.base import Component
    from gradio.data_classes import FileData
    from gradio.events import Dependency
    from gradio.processing_utils import save_file_to_cache
    from gradio.route_utils import GradioMultiPartParser
    from gradio.state_holder import SessionState, StateHolder
    from gradio.utils import get_upload_folder

    class FileSlot(gradio.HTML):
        """A part of the page that our own script fills, and whose value is a file: its path here, or None."""

        data_model = FileData

        def preprocess(self, payload: FileData | None) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Return the path of what the browser has sent."""
            return payload.path if payload is not None else None

        def postprocess(self, value: str | None) -> FileData | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Tell the browser of a file."""
            return FileData(path=value, orig_name=Path(value).name) if value else None

        def api_info(self) -> dict[str, object]:
            """Describe the value to programs."""
            return FileData.model_json_schema()

        def example_payload(self) -> None:
            """Return a value that programs may try: none."""

        def example_value(self) -> None:
            """Return a value that programs may try: none."""

finally:
    inspect.getfile = _getfile
    if _pandas is _absent:
        del sys.modules["pandas"]
    if sys.modules.get(_terminal, ...) is None:
        del sys.modules[_terminal]

gradio_utils.MatplotlibBackendMananger = nullcontext  # pyright: ignore[reportAttributeAccessIssue]

__all__ = [
    "Block",
    "BlockContext",
    "Component",
    "Dependency",
    "FileSlot",
    "GradioMultiPartParser",
    "SessionState",
    "StateHolder",
    "get_upload_folder",
    "gradio",
    "gradio_utils",
    "queueing",
    "route_utils",
    "routes",
    "save_file_to_cache",
    "themes",
]
