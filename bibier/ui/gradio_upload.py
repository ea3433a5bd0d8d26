"""What Gradio takes of an upload into memory: as good as nothing. Its files go to the disk as they come."""

from __future__ import annotations

import contextlib
from pathlib import Path

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from bibier.ui.gradio_import import GradioMultiPartParser, route_utils, routes
from bibier.ui.gradio_import import gradio as gr

FIELD = 4_000  # bytes of a field that is no file
FIELDS, FILES = 8, 20  # of one upload


class BoundedMultiPartParser(GradioMultiPartParser):
    """Gradio's parser, which keeps a field without a file name in memory, of any length and a thousand of them."""

    async def parse(self) -> FormData:
        """Read the form. Raises MultiPartException, also where the boundary can be none.

        Whatever ends it, nothing of it is left on the disk: Gradio's own removes its files after the errors of a form
        alone, and not when the sender leaves, is too slow or the disk is full.

        Gradio answers 413 to whatever speaks of a maximum allowed size, a broken header of a part too: only of a file
        that is too large it may.
        """
        try:
            form = await super().parse()
            self.check(form)
            return form
        except MultiPartException as error:
            self.discard()
            if error.message.startswith("File size exceeded"):
                raise
            raise MultiPartException(error.message.replace("maximum allowed size", "allowed size")) from error
        except ValueError as error:  # python-multipart's own: Gradio knows those of the parts alone
            self.discard()
            raise MultiPartException(str(error)) from error
        except BaseException:
            self.discard()
            raise

    def check(self, form: FormData) -> None:
        """Raise MultiPartException where Gradio would refuse the form, or leave a file lie, after it has read it.

        A file whose name says nothing, or leads elsewhere, gets one of Gradio's own.
        """
        files = sum(isinstance(item, UploadFile) for _, item in form.multi_items())
        if files != len(self._files_to_close_on_error):
            raise MultiPartException("The form ends in the middle of a file.")
        for field, item in form.multi_items():
            if isinstance(item, UploadFile) != (field == "files"):
                raise MultiPartException("A file must be a field named files, and such a field a file.")
            if isinstance(item, UploadFile) and Path(item.filename or "").name in ("", ".."):
                item.filename = ""

    def discard(self) -> None:
        """Remove what has come of the files."""
        for file in self._files_to_close_on_error:
            with contextlib.suppress(OSError):  # closing writes what is buffered, and the disk may be full
                file.close()
            Path(file.name).unlink(missing_ok=True)

    def on_part_begin(self) -> None:
        """Begin a part; of the first on, there are not more than these."""
        self.max_files, self.max_fields = FILES, FIELDS
        super().on_part_begin()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take bytes of a part. Raises MultiPartException when a field grows too long."""
        part = self._current_part
        if part.file is not None:
            super().on_part_data(data, start, end)
            return
        part.data += data[start:end]  # Gradio's own asks the field for a file's name, and fails
        if len(part.data) > FIELD:
            raise MultiPartException(f"A field has more than {FIELD} bytes.")


class ForgottenPaths(set[str]):
    """Stands in for the set in which Gradio notes the path of every upload, as long as it runs, for a cleaning of its
    own that is off here: `bibier/security/upload_cleanup.py` asks the disk.
    """

    def update(self, *_others: object) -> None:
        """Note nothing."""


def bound_uploads(page: gr.Blocks) -> None:
    """Have Gradio read uploads in this way, and remember none of them."""
    for module in (route_utils, routes):
        vars(module)["GradioMultiPartParser"] = BoundedMultiPartParser
    page.upload_file_set = ForgottenPaths()
