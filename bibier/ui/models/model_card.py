"""A model card as plain nodes: foreign Markdown becomes tags of a short list and text, and nothing else.

The page builds the nodes with `textContent`, so that markup in a card stays what it is: words. Pictures are named, not
fetched; of a link its address is shown as text.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from bibier.i18n.page import say

FRONT = re.compile(r"\A---\r?\n.*?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)  # metadata in YAML
TAGS = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "strong": "strong",
    "em": "em",
    "s": "s",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}
CODE = {"code_inline": "code", "fence": "pre", "code_block": "pre"}
BREAKS = {"softbreak": " ", "hardbreak": "\n"}
DEEPER = 3  # a card's first heading stands below the page's own of levels 1 to 3
DEEPEST = 6

Node = str | list  # text, or [tag, node, …]


def nodes(text: str, language: str) -> list[Node]:
    """Return the nodes of a card. HTML in it is not read as such: it comes out as the characters it is made of."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return _inside(SyntaxTreeNode(parser.parse(FRONT.sub("", text, count=1))), language)


def _inside(tree: SyntaxTreeNode, language: str) -> list[Node]:
    return [node for child in tree.children for node in _nodes(child, language)]


def _nodes(tree: SyntaxTreeNode, language: str) -> list[Node]:
    kind = tree.type
    if kind == "heading":
        return [[f"h{min(int(tree.tag[1]) + DEEPER, DEEPEST)}", *_inside(tree, language)]]
    if kind in TAGS:
        return [[TAGS[kind], *_inside(tree, language)]]
    if kind in CODE:
        return [[CODE[kind], tree.content]]
    if kind in BREAKS:
        return [BREAKS[kind]]
    if kind == "hr":
        return [["hr"]]
    if kind == "image":
        return [say("models_picture", language, text=tree.content or tree.attrs.get("src", ""))]
    if kind == "link":
        shown, address = _inside(tree, language), str(tree.attrs.get("href", ""))
        return shown if shown == [address] else [*shown, f" ({address})"]
    return _inside(tree, language) if tree.children else [tree.content]
