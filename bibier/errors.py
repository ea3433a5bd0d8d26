"""Everything that BiBiER raises on purpose.

    BibierError
    ├── InputError            what the user brought can't be used; a sentence in both languages says why and what to do
    │   └── StoreUnavailable  the annotations can't be read or written now; the same may work later
    ├── ParseError            a text is no JSON or TOML
    ├── CorpusError           a corpus, recipe or training file can't be used; the sentence names file, row and remedy
    ├── LoadError             the models of the app did not load
    ├── Cancelled             whoever asked for an inference no longer wants it
    │   └── PlaceLost         … or its place in the queue went to a party that had fewer
    ├── RecogniserEnded       the recogniser's process ended before it answered; the next call starts another
    └── RequestError          a request to the app is turned away
        ├── RequestRefused    … because of what it asks for
        └── RequestTooLarge   … because its body is larger than allowed

`InputError`, `ParseError` and `CorpusError` are ValueErrors too.
"""

from __future__ import annotations

import traceback

from bibier.i18n.messages import Message


class BibierError(Exception):
    """The root of the tree."""


class InputError(BibierError, ValueError):
    """What the user brought can't be used; the message says why and what to do. `str()` is the English sentence.

    >>> error = InputError("extra-missing", package="gradio", extra="app")
    >>> print(error)
    The package gradio is not installed. It comes with: pip install "bibier[app]"
    >>> print(error.text("ru"))
    Пакет gradio не установлен. Он входит в набор: pip install "bibier[app]"
    """

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(self.message.text("en"))

    @property
    def key(self) -> str:
        """The key of the sentence in the catalogue."""
        return self.message.key

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language` ("en" or "ru")."""
        return self.message.text(language)


class StoreUnavailable(InputError):
    """The annotations can't be read or written now, through no fault of what was asked: the same may work later."""


def reason_of(error: Exception) -> Message | str:
    """Return why something could not be read, as far as a person can use it: Python's own advice is for programmers."""
    if isinstance(error, InputError):
        return error.message
    if isinstance(error, ParseError):
        return error.reason
    if isinstance(error, RecursionError):
        return Message("nested-deep")
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return Message("number-long")
    return str(error)[:200]


def let_go(error: BaseException) -> None:
    """Free what the frames of an error hold, and of those that it came from; their lines stay, for the log.

    Whoever keeps an error or hands it on to be shown calls this: an error lives on for minutes in loops of references,
    and with its frames the recording on which it came, an hour of which is a gigabyte of a file without a name.
    """
    known: set[int] = set()
    origin: BaseException | None = error
    while origin is not None and id(origin) not in known:
        known.add(id(origin))
        traceback.clear_frames(origin.__traceback__)
        origin = origin.__cause__ or origin.__context__


def fault_of(error: Exception, place: str) -> InputError:
    """Return what is said of one file among many that can't be judged: an InputError as it is, else a sentence on it.

    Whoever works through many files catches everything with this, so that one of them never ends the others.
    """
    if isinstance(error, InputError):
        return error
    return InputError("file-fault", file=place[-200:], kind=type(error).__name__, reason=reason_of(error))


class ParseError(BibierError, ValueError):
    """A text is no JSON or TOML; `reason` says why in both languages where Python's own words would not help."""

    def __init__(self, reason: Message | str):
        self.reason = reason
        super().__init__(reason if isinstance(reason, str) else reason.text("en"))


class CorpusError(BibierError, ValueError):
    """A corpus can't be read; the sentence names the file and the remedy."""


class LoadError(BibierError):
    """The models did not load."""


class Cancelled(BibierError):
    """Whoever asked for an inference no longer wants it."""


class PlaceLost(Cancelled):
    """An inference ends, since its place in the queue went to a party that had fewer; `reason` says it to a person."""

    def __init__(self, reason: InputError):
        super().__init__(str(reason))
        self.reason = reason


class RecogniserEnded(BibierError):
    """The recogniser's process ended before it answered; the next call starts another."""


class RequestError(BibierError):
    """A request to the app is turned away."""
