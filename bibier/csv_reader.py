"""The one reader of CSV files: bytes → a header and rows, strictly; what would be read wrongly is refused by its row.

The separator (comma, semicolon, tab) and the encoding (UTF-8, UTF-16, cp1251, cp1252) are found out. Rows are counted
as a spreadsheet counts them: the header is row 1.
"""

from __future__ import annotations

import codecs
import difflib
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bibier.errors import InputError
from bibier.file_names import INVISIBLE
from bibier.i18n.messages import Message

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
NEAR = 0.8  # likeness of two names, of `difflib`, above which one is taken for a slip of the other
SHORTEST = 3  # characters of a name that can be a slip
MOST = 20_000  # columns: three times what the largest sets of acoustic features have
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx and .xls begin

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\n|\r|\Z)")
_UTF8_SIGNS = re.compile(b"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(b"[\x80-\xff]")
_WORD = re.compile(b"[A-Za-z\xa8\xb8\xc0-\xff]+")  # ё and Ё stand apart from the other letters of cp1251
_HIGH_WORD = re.compile(b"[\xa8\xb8\xc0-\xff]+")
_RUSSIAN = re.compile("[А-Яа-яЁё]")
EVIDENCE = 4  # letters beyond ASCII below which cp1251 can't be told from cp1252
PLAIN_SHARE = 0.9  # of the characters beyond ASCII that are letters, where the encoding is the right one


@dataclass(frozen=True)
class TableRow:
    """A row's number, as a spreadsheet counts, and its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """What a CSV holds: the columns under the names that were asked for, or their own, and the rows that aren't empty.

    `notices` say what was found out and might be wrong, such as the encoding.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    separator: str = ","
    notices: tuple[Message, ...] = ()


def read_table(path: Path, names: Sequence[str] = (), needed: Sequence[str] = ()) -> Table:
    """Read a CSV with a header.

    Parameters
    ----------
    names, needed
        Columns in their right spelling. One of the header that differs in case, spaces or invisible characters has this
        name in the result; one that is nearly such a name, where the name itself is missing, is refused. Of `needed`
        all must be there.

    Raises
    ------
    InputError
        The file can't be read or is no CSV; a column is missing, misspelt or there twice; a row has too many or too few
        cells, or a stray quotation mark. The sentence names the file, the row and the remedy.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("csv-closed", file=path.name, reason=error.strerror or str(error)) from error
    return parse_table(content, path.name, names, needed)


def parse_table(content: bytes, name: str, names: Sequence[str] = (), needed: Sequence[str] = ()) -> Table:
    """Read the bytes of a CSV that is called `name`; as `read_table`."""
    text, notices = _decoded(content, name)
    known = tuple(dict.fromkeys((*names, *needed)))
    skipped = 0
    separator = ""
    if match := re.match(r"sep=([,;\t])(?:\r\n|\n|\r|$)", text, re.IGNORECASE):  # Excel's own line
        text, separator, skipped = text[match.end() :], match[1], 1
    separator = separator or _separator(text, known)
    records = _records(text, separator, name, skipped)
    header = next((cells for _, cells in records if any(cell.strip() for cell in cells)), ())
    if len(header) > MOST:
        raise InputError("csv-wide", file=name, count=len(header), most=MOST)
    columns = _columns(header, known, name)
    unnamed = [place for place, column in enumerate(columns) if place and not plain_name(column)]
    if missing := [column for column in needed if column not in columns]:
        there = ", ".join(column for column in columns if column) or "—"
        raise InputError("csv-column", file=name, column=missing[0], columns=there[:300])
    rows = []
    for number, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            key = "csv-more" if len(cells) > len(columns) else "csv-fewer"
            raise InputError(key, file=name, row=number, cells=len(cells), columns=len(columns))
        if any(cells[place].strip() for place in unnamed):  # pandas writes row numbers in front: those are left alone
            raise InputError("csv-unnamed", file=name, row=number)
        rows.append(TableRow(number, dict(zip(columns, cells, strict=True))))
    return Table(name, columns, tuple(rows), separator, notices)


def plain_name(name: str) -> str:
    """Return what two spellings of a column's name have in common: no case, outer or double space, invisible sign."""
    return " ".join(INVISIBLE.sub("", name).split()).casefold()


def near_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that this one is a slip of: "lable" → "label"; None where it is none, or is known."""
    plain = re.sub(r"[\W_]+", "", plain_name(name))
    by_plain = _by_plain(tuple(known))
    if plain in by_plain:
        return by_plain[plain] if plain_name(name) != plain_name(by_plain[plain]) else None
    if len(plain) < SHORTEST:
        return None
    close = difflib.get_close_matches(plain[:80], [right for right in by_plain if len(right) >= SHORTEST], 1, NEAR)
    return by_plain[close[0]] if close else None


@functools.lru_cache(maxsize=16)
def _by_plain(known: tuple[str, ...]) -> dict[str, str]:
    return {re.sub(r"[\W_]+", "", plain_name(right)): right for right in known}


def number(cell: str) -> float:
    """Return the number of a cell, with a point or a decimal comma. Raises ValueError, also for "1,234.5"."""
    return float(re.sub(r"^(\s*[-+]?\d*),(\d+\s*)$", r"\1.\2", cell))


# --- the header ------------------------------------------------------------------------------------------------------


def _columns(header: Sequence[str], known: Sequence[str], name: str) -> tuple[str, ...]:
    right = {plain_name(column): column for column in known}
    columns = tuple(right.get(plain_name(cell), cell) for cell in header)
    seen: set[str] = set()
    for column in columns:
        if column.strip() and column in seen:
            raise InputError("csv-twice", file=name, column=column[:80])
        seen.add(column)
    absent = [column for column in known if column not in columns]
    for column in columns:
        if column not in known and (near := near_name(column, absent)):
            raise InputError("csv-near", file=name, column=column[:80], right=near)
    return columns


def _separator(text: str, known: Sequence[str]) -> str:
    """Return the separator under which the header holds most known names, then most columns; comma if nothing tells."""
    names = {plain_name(column) for column in known}

    def fit(separator: str) -> tuple[int, int]:
        try:
            _, header = next(_records(text, separator, ""), (0, ()))
        except InputError:
            return 0, 0
        return sum(plain_name(cell) in names for cell in header), len(header)

    return max(SEPARATORS, key=fit)


def _records(text: str, separator: str, name: str, skipped: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield each record's row number and cells. A cell is quoted as a whole or not at all, else InputError."""
    if '"' not in text:  # most of the large ones
        for number, line in enumerate(_LINE.finditer(text), start=1 + skipped):
            yield number, line[1].split(separator)
        return
    end = f"(?:{re.escape(separator)}|\r\n|\n|\r|\\Z)"
    quoted = re.compile(' *"([^"]*+(?:""[^"]*+)*+)" *')
    bare = re.compile(f'[^"{re.escape(separator)}\r\n]*')
    stop = re.compile(end)
    place, row, cells = 0, 1 + skipped, []
    while place < len(text) or cells:
        match = quoted.match(text, place) or bare.match(text, place)
        after = match and stop.match(text, match.end())
        if match is None or after is None:
            raise InputError("csv-quote", file=name, row=row, start=text[place : place + 40].split("\n")[0].strip())
        cells.append(match[1].replace('""', '"') if match.re is quoted else match[0])
        place = after.end()
        if after[0] != separator:
            yield row, cells
            row, cells = row + 1, []
        elif place == len(text):  # a separator ends the file: an empty cell is left
            cells.append("")
            yield row, cells
            cells = []


# --- the encoding ----------------------------------------------------------------------------------------------------


def _decoded(content: bytes, name: str) -> tuple[str, tuple[Message, ...]]:
    if content.startswith(WORKBOOKS):
        raise InputError("csv-workbook", file=name)
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _sure(content, encoding, name), ()
    if b"\0" in content:
        even, odd = content[0:4096:2].count(0), content[1:4096:2].count(0)
        if len(content) % 2 or not max(even, odd):
            raise InputError("csv-binary", file=name)
        return _sure(content, "utf-16-be" if even > odd else "utf-16-le", name), ()
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        wrong = error
    signs = sum(len(sign) for sign in _UTF8_SIGNS.findall(content))
    encoding = None if 2 * signs >= len(_HIGH.findall(content)) else _code_page(content)
    if encoding is None:
        row = 1 + len(re.findall(b"\r\n|\n|\r", content[: wrong.start]))
        raise InputError("csv-encoding", file=name, row=row)
    return content.decode(encoding), (Message("csv-guessed", {"file": name, "encoding": encoding}),)


def _sure(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = 1 + len(re.findall("\r\n|\n|\r", content[: error.start].decode(encoding, "ignore")))
        raise InputError("csv-encoding", file=name, row=row) from error
    if "\0" in text or (not text and encoding != "utf-8-sig"):
        raise InputError("csv-binary", file=name)
    return text


def _code_page(content: bytes) -> str | None:
    """Tell cp1251 (words all of letters beyond ASCII) from cp1252 (single ones among ASCII's); None if neither fits."""
    if set(_HIGH.findall(content)) <= _SAME:
        return "cp1252"
    words = [word for word in _WORD.findall(content) if not word.isascii()]
    cyrillic = [word for word in words if len(word) > 1 and _HIGH_WORD.fullmatch(word)]
    if sum(len(_HIGH.findall(word)) for word in words) < EVIDENCE:
        return None
    encoding = "cp1251" if 2 * len(cyrillic) > len(words) else "cp1252"
    try:
        beyond = [sign for sign in content.decode(encoding) if not sign.isascii()]
    except UnicodeDecodeError:
        return None
    letters = [sign for sign in beyond if sign.isalpha()]
    fitting = [sign for sign in letters if _RUSSIAN.match(sign)] if encoding == "cp1251" else letters
    signs = [sign for sign in beyond if sign.encode(encoding) in _SAME]
    if len(fitting) + len(signs) < PLAIN_SHARE * len(beyond):
        return None
    capitals = sum(sign.isupper() for sign in fitting)  # what KOI8-R's small letters would be
    return None if encoding == "cp1251" and 2 * capitals > len(fitting) else encoding


# Quotation marks, dashes, the ellipsis, the no-break space …: the same byte in both code pages.
_SAME = {
    bytes([code])
    for code in range(0x80, 0x100)
    if bytes([code]).decode("cp1251", "ignore") == bytes([code]).decode("cp1252", "ignore") != ""
}
