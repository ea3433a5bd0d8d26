"""Where `bibier predict --format` writes: standard output, a file, or a file a recording in a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bibier.cli.terminal import escaped
from bibier.errors import InputError
from bibier.exports import ENDINGS
from bibier.file_names import printable
from bibier.files import atomic_write, check_replaceable


def add_export(predict: argparse.ArgumentParser) -> None:
    """Describe the options to the command's parser."""
    predict.add_argument("--format", choices=(*ENDINGS,), help="write the segments for another program, or as a table")
    predict.add_argument("--out", metavar="FILE", help="where --format writes; for several recordings a folder")
    predict.add_argument("--replace", action="store_true", help="write over a file that is there")


class ExportOutlet:
    """Writes one result after the other, by the options of the command.

    Raises InputError where the options contradict each other.
    """

    def __init__(self, options: argparse.Namespace):
        self.format, self.replace, self.language = options.format, options.replace, options.language
        self.each = options.channel == "each"
        self.several = len(options.files) > 1 or self.each
        self.out = None if options.out is None else Path(options.out)
        self._taken: set[Path] = set()
        if self.format is None and (self.out is not None or self.replace):
            raise InputError("exported-no-format")
        if self.format is not None and options.json:
            raise InputError("exported-json")
        if self.format is not None and self.several and (self.out is None or self.out.is_file()):
            raise InputError("exported-several")

    def __bool__(self) -> bool:
        """Whether results are exported at all."""
        return self.format is not None

    def path(self, file: str, channel: str) -> Path | None:
        """Return the file that a recording's export goes to, None for standard output.

        In a folder it is called as the recording is; where two are called the same, the second has a number. Raises
        InputError where the file is there and isn't to be replaced: before an hour of work, and not after it.
        """
        if self.out is None:
            return None
        path = self.out
        if self.several or self.out.is_dir():
            stem = f"{Path(file).stem}.{channel}" if self.each else Path(file).stem
            path, number = self.out / f"{stem}{ENDINGS[self.format]}", 1
            while path in self._taken:
                number += 1
                path = self.out / f"{stem}-{number}{ENDINGS[self.format]}"
            self._taken.add(path)
        if path.exists() and not self.replace:
            raise InputError("export-exists", file=printable(str(path)))
        check_replaceable(path, file)
        return path

    def write(self, facts: dict[str, object], path: Path | None, *, duration: float) -> None:
        """Write one result, a file whole or not at all.

        Parameters
        ----------
        facts
            What `judged_json` returns, and the recording's `file`.
        path
            Where to, as `path` returns it.
        duration
            Of the recording, seconds.

        Raises
        ------
        InputError
            The file can't be written, or there is nothing with times to write.
        """
        from bibier.exports.formats import export

        name = printable(Path(str(facts["file"])).name)
        text = export(facts, self.format, file=name, language=self.language, duration=duration)
        if path is None:
            sys.stdout.write(escaped(text) if self.format == "json" else text)
            sys.stdout.flush()
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, text)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError("export-failed", file=printable(str(path)), reason=reason) from error
