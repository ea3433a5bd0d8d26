"""Corpora of written lines and posts with one label each: BRIGHTER, Izard, GoEmotions, XED, DailyDialog.

Each is one CSV with the columns text, label, language and split, anywhere below the data folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bibier.features.normalise import normalise_text
from train.corpora.duplicates import key
from train.corpora.items import Item
from train.corpora.manifest import manifest

PLACEHOLDER = re.compile(r"\[[A-ZА-ЯЁ_]{3,}\]")  # [NAME], [RELIGION], [ФАМИЛИЕЙ]: what GoEmotions hides


@dataclass(frozen=True)
class TextCorpus:
    """A corpus's file, and what is set apart of it where it comes without a dev split."""

    file: str
    held_out: int = 0  # per cent of the texts, by the hash of `salt` and the text's key
    salt: str = ""


CORPORA = {
    "brighter-en": TextCorpus("brighter_eng.csv"),
    "brighter-ru": TextCorpus("brighter_rus.csv"),
    "izard": TextCorpus("izard_ru.csv"),
    "goemotions": TextCorpus("goemotions.csv"),
    "goemotions-ru": TextCorpus("goemotions_ru.csv"),
    "xed-en": TextCorpus("xed_en.csv", held_out=10, salt="xed"),
    "xed-ru": TextCorpus("xed_ru.csv", held_out=15, salt="xed_ru"),
    "dailydialog": TextCorpus("dailydialog.csv", held_out=10, salt="daily"),
}


def read(name: str, data: Path) -> list[Item]:
    """Read one of `CORPORA`; an empty list when its file is not below the data folder.

    Placeholders of names are taken out, and texts without a letter or digit left out. No text has a neighbour: each is
    a dialogue of its own.
    """
    corpus = CORPORA[name]
    usual = [path for path in (data / corpus.file, data / "text" / corpus.file) if path.is_file()]
    tables = usual or sorted(data.rglob(corpus.file))
    items = []
    for item in manifest(tables[0]) if tables else ():
        text = normalise_text(PLACEHOLDER.sub(" ", item.text or ""))
        if not (text_key := key(text)):
            continue
        identity = item.id.replace(item.corpus, name, 1)
        split = "dev" if _bucket(corpus.salt + text_key) < corpus.held_out else item.split
        items.append(replace(item, id=identity, corpus=name, text=text, split=split, dialogue=identity))
    return items


def _bucket(text: str) -> int:
    """Return a number from 0 to 99 that depends on the text alone."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:6], 16) % 100


READERS: dict[str, Callable[[Path], list[Item]]] = {name: partial(read, name) for name in CORPORA}
