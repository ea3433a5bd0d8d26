"""A model card on the Models tab: a foreign one is only text."""

import re
import time
from pathlib import Path

import pytest

import bibier.ui
from bibier.ui.models.model_card import nodes

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"


def tags(tree: list) -> set[str]:
    return {node[0] for node in tree if isinstance(node, list)}.union(
        *(tags(node[1:]) for node in tree if isinstance(node, list))
    )


def words_of(tree: list) -> str:
    return "".join(node if isinstance(node, str) else words_of(node[1:]) for node in tree)


def known() -> set[str]:
    """The tags that the page makes."""
    source = (Path(bibier.ui.__file__).parent / "static" / "models.js").read_text()
    return set(re.findall(r'"(\w+)"', re.search(r"TAGS = new Set\(\[(.*?)\]\)", source, re.S)[1]))


def test_a_card_is_read_as_it_was_meant():
    text = "---\nlicense: mit\n---\n# Title\n\nSome **bold** and `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    text += "* one\n* two\n"
    assert nodes(text, "en") == [
        ["h4", "Title"],
        ["p", "Some ", ["strong", "bold"], " and ", ["code", "code"], "."],
        ["table", ["thead", ["tr", ["th", "a"], ["th", "b"]]], ["tbody", ["tr", ["td", "1"], ["td", "2"]]]],
        ["ul", ["li", ["p", "one"]], ["li", ["p", "two"]]],
    ]
    compact = nodes((Path(bibier.ui.__file__).parents[2] / "checkpoints/compact/README.md").read_text(), "en")
    assert tags(compact) <= known() and "license" not in words_of(compact) and "668,670" in words_of(compact)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        HOSTILE,
        "<iframe src='//evil'>\n\ntext\n\n</iframe>",
        "a <b onclick=alert(1)>b</b> `<i>`",
        "    <pre>code</pre>",
        "```html\n<script>alert(1)</script>\n```",
    ],
)
def test_markup_in_a_card_stays_words(text):
    tree = nodes(text, "en")
    assert tags(tree) <= known() and "<" in words_of(tree)


def test_pictures_and_links_of_a_card_are_named_and_not_followed():
    text = "![a cat](https://evil/x.png) [click](javascript:alert(1)) [here](https://evil/) <https://evil/y>"
    tree = nodes(text, "en")
    assert tags(tree) == {"p"}
    assert words_of(tree) == "[image: a cat] [click](javascript:alert(1)) here (https://evil/) https://evil/y"


@pytest.mark.parametrize(
    "text", [">" * 20_000, "[" * 20_000, "* " * 20_000, "`" * 20_000, "|" * 20_000, "\0\ud800", ""]
)
def test_no_card_is_too_odd(text):
    began = time.process_time()
    assert tags(nodes(text, "ru")) <= known()
    assert time.process_time() - began < 20
