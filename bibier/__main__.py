"""bibier COMMAND (or python -m bibier COMMAND): the app, recordings, soft labels, annotations; --help lists all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bibier.cli import annotations, app, batch, deploy, export_onnx, mic, password, predict, soft_labels, terminal

COMMANDS = (
    app,
    predict,
    batch,
    mic,
    soft_labels,
    annotations,
    password,
    deploy,
    export_onnx,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 when a file could not be read, or 2 for a wrong call."""
    terminal.write_anything()
    parser = argparse.ArgumentParser(prog="bibier", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    options = parser.parse_args(arguments)

    # Imported late, so that --help answers at once.
    from bibier.errors import InputError
    from bibier.files import FULL, refused_by_system

    try:
        status = options.run(options)
        sys.stdout.flush()  # else what could not be written is found at the very end, by nobody
        return status
    except InputError as error:
        print(error.text(options.language), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except terminal.OutputEnded as ended:
        return _output_ended(ended.reason, options.language)
    except BrokenPipeError as error:
        return _output_ended(error, options.language)
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            return _output_ended(error, options.language)
        if error.filename is None:  # not about a file that somebody named
            raise
        print(refused_by_system(error).text(options.language), file=sys.stderr)
        return 2


def _output_ended(error: OSError, language: str) -> int:
    """Say why nothing more can be printed, unless the reader went away (`| head`); returns the exit status."""
    from bibier.errors import InputError

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries once more at its end
    if isinstance(error, BrokenPipeError):
        return 1
    print(InputError("output-full").text(language), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
