"""LS-LLM tables: parsing, the nearest distribution, the published figures, and nothing invalid after cleaning."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from small_corpora import write_csv
from tiny_hub import refused

from bibier import __main__ as command
from bibier.soft_labels import tables
from bibier.soft_labels.parsing import ORDER, parse
from bibier.soft_labels.simplex import NUDGE, to_simplex, with_truth
from train.augment import soft_targets

DATA = Path(os.environ.get("BIBIER_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
real = pytest.mark.skipif(not (DATA / "soft_labels").is_dir(), reason="the real tables are not here")
SEVEN = "0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1"


@pytest.mark.parametrize(
    ("answer", "first", "kind"),
    [
        (SEVEN, 0.1, ""),
        ("0.9,0.1,0.0,0.0,0.0,0.0,0.0\nassistant\n<think>\n\n</think>\n\n" + SEVEN, 0.1, ""),
        (f"{SEVEN}\nThat is all: 1.0", 0.1, ""),
        ("\n".join(f"{name}: 0.{i + 1}" for i, name in enumerate(ORDER)), 0.1, ""),
        (", ".join(f'"{name}": 0.{i + 1}' for i, name in reversed(list(enumerate(ORDER)))), 0.1, ""),
        ("\n".join(f"- **{name.title()}**: 0.{i + 1}" for i, name in reversed(list(enumerate(ORDER)))), 0.1, ""),
        (", ".join(f"{name}: 0.1" for name in (*ORDER[:6], ORDER[0])), None, "unparsed"),
        (", ".join(f"{name}: 0.1" for name in ORDER).replace("sad: ", "sad: -"), None, "unparsed"),
        ("0.1, 0.2, 0.3", None, "unparsed"),
        ("1, 0, 0, 0, 0, 0, 0", None, "unparsed"),
        ("I feel it is anger.", None, "unparsed"),
        (", ".join(["0.0"] * 7), None, "zero"),
        (" \n", None, "empty"),
    ],
)
def test_answers_are_read_by_the_published_rules_and_failure_is_said(answer, first, kind):
    parsed = parse(answer)
    assert parsed.invalid == kind
    if kind:
        assert parsed.numbers == () and parsed.probabilities() == {}
    else:
        assert parsed.numbers[0] == first and sum(parsed.probabilities().values()) == pytest.approx(1)


@given(st.text(max_size=300))
def test_any_answer_is_a_distribution_or_a_kind(text):
    probabilities = parse(text).probabilities()
    assert not probabilities or (min(probabilities.values()) >= 0 and sum(probabilities.values()) == pytest.approx(1))


@pytest.mark.parametrize("seed", range(12))
def test_the_projection_is_a_convex_solver_s(seed):
    generator = np.random.default_rng(seed)
    row, label = generator.normal(0.15, 0.4, 7), int(generator.integers(7))
    projected = with_truth(row[None], np.array([label]))[0]
    best = minimize(
        lambda q: ((q - row) ** 2).sum(),
        np.eye(7)[label] * 0.3 + 0.1,
        jac=lambda q: 2 * (q - row),
        method="SLSQP",
        bounds=[(0, None)] * 7,
        constraints=[
            {"type": "eq", "fun": lambda q: q.sum() - 1},
            {"type": "ineq", "fun": lambda q: np.delete(q[label] - q - NUDGE, label)},
        ],
        options={"ftol": 1e-15, "maxiter": 500},
    )
    assert best.success
    np.testing.assert_allclose(projected, best.x, atol=1e-5)
    assert projected.argmax() == label and projected.min() >= 0 and projected.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(
        with_truth(projected[None], np.array([label]))[0], projected, atol=1e-12
    )  # it stays there


def test_without_a_label_the_projection_is_the_simplex_s():
    np.testing.assert_allclose(to_simplex(np.array([0.5, 0.5, -1.0])), [0.5, 0.5, 0])
    np.testing.assert_allclose(to_simplex(np.array([3.0, 0.0])), [1, 0])


def row(name="a", truth="happy", answer=SEVEN, **values):
    plain = dict.fromkeys(ORDER, 0.0) | {"happy": 1.0} | values
    return {"video_name": name, "text": "x", "ground_truth": truth, "response_clean": answer} | plain


def test_every_kind_of_invalid_row_is_counted_and_none_is_left_after_cleaning(tmp_path):
    table, out = tmp_path / "soft.csv", tmp_path / "clean.csv"
    rows = [
        row("good"),
        row("negative", happy=1.1, sad=-0.1),
        row("sum", happy=0.9),
        row("nan", happy="nan"),
        row("empty", answer="", happy=""),
        row("foreign", truth="joyless"),
        row("made-up", answer="no idea"),
        row("person", answer="", happy=0.8, sad=0.2),
    ]
    write_csv(table, rows)
    report = tables.audit(table)
    counted = {kind: count for kind, count in report.kinds.items() if count}
    expected = {"missing": 1, "not-a-number": 1, "negative": 1, "above-one": 1, "sum": 1}
    assert counted == expected | {"unknown-label": 1, "answer": 1}
    assert (report.rows, report.invalid) == (8, 6)
    assert command.main(["soft-labels", "clean", str(table), "-o", str(out)]) == 1  # some were left out, and told
    again = tables.audit(out)
    assert (again.rows, again.invalid, again.wrong) == (5, 0, 0)
    assert set(soft_targets.read_distributions(out)) == {"good", "negative", "sum", "nan", "person"}
    assert command.main(["soft-labels", "clean", str(table), "-o", str(out)]) == 2  # never over a file


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (None, "table-unreadable"),
        (b"\xff\xfe", "table-unreadable"),
        (b"video_name,neutral\na,1,2\n", "table-ragged"),
        (b"video_name,neutral\n", "table-empty"),
        (b"video_name,neutral\na,1\n", "table-column"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, key):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    refused(key, tables.audit, tmp_path / "t.csv")


def published_fix_up(numbers, random, epsilon=1e-5):
    """What the published script made of an answer (7,): normalised, ties broken by noise, rounded to 5 decimals.

    The noise can make values negative or larger than 1, and the remainder of the rounding goes to the largest. The
    published Qwen3-4B tables are `RandomState(row)` of the row's number from 0.
    """
    p = np.array(numbers, dtype=np.float64)
    p /= p.sum()
    while True:
        rounded = np.round(p, 5)
        distinct, counts = np.unique(rounded, return_counts=True)
        if len(distinct) == len(p):
            break
        for tied in distinct[counts > 1]:
            for index in np.flatnonzero(rounded == tied):
                p[index] += random.uniform(-epsilon, epsilon)
            p /= p.sum()
    p = np.round(p, 5)
    p[p.argmax()] += np.round(1 - p.sum(), 5)
    return np.round(p, 5)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_an_audit_is_laid_out_in_one_language(tmp_path, capsys, language):
    row = {"video_name": "a", "ground_truth": "sad", "response_clean": ""} | dict.fromkeys(ORDER, 0.1) | {"sad": 0.4}
    write_csv(tmp_path / "t.csv", [row])
    assert command.main(["soft-labels", "--language", language, "audit", str(tmp_path / "t.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = [line for line in lines if line.strip() and line.split()[0] not in ORDER]
    assert "UAR 1.00000" in words and words[0] in ("rows 1", "строк 1")
    cyrillic = [any("а" <= letter <= "я" for letter in line) for line in words if not line.startswith("UAR")]
    assert all(cyrillic) if language == "ru" else not any(cyrillic)


FEAR = {"meld": [8, 9, 14, 2, 1, 0, 234], "resd": [6, 2, 17, 0, 1, 0, 152]}


@pytest.mark.corpora
@real
@pytest.mark.parametrize(
    ("corpus", "rows", "wrong", "uar", "negative", "above"),
    [("meld", 9989, 124, "0.95741", 1434, 2), ("resd", 1116, 56, "0.95079", 103, 1)],
)
def test_the_published_tables_have_the_published_figures(tmp_path, capsys, corpus, rows, wrong, uar, negative, above):
    """Counted in the tables published with BiBiER; each row is made anew from the raw answer, noise too."""
    table, out = DATA / f"soft_labels/qwen3-4b_{corpus}.csv", tmp_path / "clean.csv"
    assert command.main(["soft-labels", "audit", str(table)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert f"wrong {wrong} of {rows}" in printed and f"UAR {uar}" in printed
    assert f"  negative {negative}" in printed and f"  above-one {above}" in printed
    for index, row in enumerate(tables.read(table)):
        again = published_fix_up(parse(row["response_clean"]).numbers, np.random.RandomState(index))
        np.testing.assert_array_equal(again, tables.values_of(row))
    assert [int(n) for n in next(line for line in printed if line.startswith("fear")).split()[1:]] == FEAR[corpus]
    assert tables.clean(table, out, keep_argmax=True) == (rows, [])
    with out.open(encoding="utf-8", newline="") as file:
        assert not [r for r in csv.DictReader(file) if tables.faults(r)]
