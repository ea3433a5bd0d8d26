"""The one reader of CSV files: what is found out, and what is refused with its row."""

import pytest

from bibier import csv_reader
from bibier.csv_reader import MOST, near_name, number, parse_table
from bibier.errors import InputError

NAMES = ("path", "text", "label", "split", "speaker")
RUSSIAN = "path,text,label\nа.wav,Не ходи туда,fear\nб.wav,Мы выиграли!,joy\n"
FRENCH = "path,text,label\na.wav,Où est-il passé,fear\nb.wav,c’est déjà ça,joy\n"


def rows(content: bytes | str):
    table = parse_table(content.encode() if isinstance(content, str) else content, "list.csv", NAMES)
    return [tuple(row.cells.values()) for row in table.rows]


@pytest.mark.parametrize("text", [RUSSIAN, FRENCH])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "code page"])
def test_the_encoding_is_found_out_and_a_guess_is_said(text, encoding):
    page = "cp1251" if text is RUSSIAN else "cp1252"
    content = text.encode(page if encoding == "code page" else encoding)
    table = parse_table(content, "list.csv", NAMES)
    assert [row.cells["text"] for row in table.rows] == [line.split(",")[1] for line in text.splitlines()[1:]]
    notices = [notice.text() for notice in table.notices]
    assert notices == [] if encoding != "code page" else page in notices[0]


@pytest.mark.parametrize("encoding", ["koi8-r", "cp866", "mac_cyrillic"])
def test_an_encoding_that_no_guess_fits_is_refused(encoding):
    with pytest.raises(InputError, match=r"list\.csv, row 2: not UTF-8"):
        rows(RUSSIAN.encode(encoding))


def test_damaged_utf_8_is_no_code_page():
    damaged = RUSSIAN.encode().replace("Мы".encode(), "Мы".encode()[:3])
    with pytest.raises(InputError, match="row 3: not UTF-8"):
        rows(damaged)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends_are_found_out(separator, ending):
    lines = [separator.join(cells) for cells in (("Path ", "TEXT"), ("a.wav", "one"), ("b.wav", "two"))]
    assert rows(ending.join(lines)) == [("a.wav", "one"), ("b.wav", "two")]
    assert rows(ending.join([f"sep={separator}", *lines])) == [("a.wav", "one"), ("b.wav", "two")]


def test_names_are_found_whatever_their_case_and_spaces():
    table = parse_table("\ufeff Path,  TEXT ,Label\u200b, note\na,b,c,d\n".encode(), "list.csv", NAMES)
    assert table.columns == ("path", "text", "label", " note")


def test_a_quoted_cell_holds_anything():
    text = 'path,text\r\na,"one, ""two""\nthree; four"\r\nb, "five" \r\n,\r\n"c","six"'
    assert rows(text) == [("a", 'one, "two"\nthree; four'), ("b", "five"), ("c", "six")]
    assert rows(",text\n0,yes\n1,no") == [("0", "yes"), ("1", "no")]  # what pandas writes in front


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text,label\nHe said "bye",sad\n', "row 2: a stray quotation mark"),
        ('text,label\nfine,sad\n"Hello,sad\n', "row 3: a stray quotation mark"),
        ('text,label\n"a"b,sad\n', "row 2: a stray quotation mark"),
        ("text,label\nwell, yes,sad\n", "row 2: more cells"),
        ("text,label\n\nyes\n", "row 3: fewer cells"),
        ("text,label,\na,b,\na,b,c\n", "row 3: a cell stands in a column without a name"),
        ("text,lable\na,b\n", "'lable' is not known: write 'label'"),
        ("text,Speaker_ID\na,b\n", "'Speaker_ID' is not known: write 'speaker'"),
        ("text,Text \na,b\n", "'text' is there twice"),
        (b"PK\x03\x04\x00", "Excel workbook"),
        (b"text,label\n\x00\x01,sad", "no text"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(content, message):
    with pytest.raises(InputError, match=f"list.csv.*{message}"):
        rows(content)


def test_rows_without_quotes_are_read_as_those_with_them():
    lines = ["path,text", "a,b", "", "c,", ",d", "e,f"]
    for ending in ("\n", "\r\n", "\r"):
        plain = parse_table(ending.join(lines).encode(), "list.csv", NAMES).rows
        assert plain == parse_table(ending.join([*lines[:-1], 'e,"f"']).encode(), "list.csv", NAMES).rows
        assert [row.number for row in plain] == [2, 4, 5, 6]


def test_a_long_unclosed_quote_is_refused_in_one_pass():
    with pytest.raises(InputError, match="row 2"):
        rows('text,label\n"' + '""' * 300_000 + "x" * 300_000)


@pytest.mark.parametrize(
    ("name", "right"),
    [("lable", "label"), ("splt", "split"), ("speaker-id", "speaker"), ("texts", "text"), ("age", None), ("pa", None)],
)
def test_slips_are_told_from_other_names(name, right):
    assert near_name(name, NAMES) == right


def test_a_number_may_have_a_decimal_comma():
    assert [number(cell) for cell in ("0.25", "0,25", " ,5", "1e-3")] == [0.25, 0.25, 0.5, 0.001]
    with pytest.raises(ValueError):
        number("1,234.5")


def test_a_table_of_too_many_columns_is_refused_and_a_wide_one_is_read(monkeypatch):
    """Each column was compared with each name that a manifest may have, whose spelling was made plain every time."""
    wide = [f"c{number}" for number in range(MOST)]
    made_plain = []
    monkeypatch.setattr(csv_reader, "plain_name", lambda name: (made_plain.append(name), name.casefold())[1])
    table = parse_table(",".join(wide).encode() + b"\n" + b"," * (MOST - 1), "wide.csv", names=("path", "label"))
    assert table.columns == tuple(wide) and len(made_plain) < 6 * MOST
    with pytest.raises(InputError, match="at most 20000 are read"):
        parse_table(",".join([*wide, "more"]).encode(), "wide.csv")
