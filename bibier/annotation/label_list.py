"""What people of a project may say of a clip: the seven emotions, some of them, or a list of the project's own.

Of some of the seven a label is still stored over all seven, so that nothing else has to know which were offered. A list
that has any other name is the project's own: its labels are stored over exactly its names, and no model of ours, which
knows the seven, says anything of such a project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bibier.errors import InputError
from bibier.labels import COLOURS, COLOURS_DARK, EMOTIONS, NAMES

FEWEST, MOST = 2, 9  # labels of a list of its own: each has one of the keys 1 to 9
NAME = re.compile(r"[^\W_](?:[\w \-]{0,38}[\w])?")  # at most 40 letters, digits, spaces, hyphens and underscores
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
TITLE = 60  # characters of a name that is shown
# columns of our tables, and what Label Studio's tasks call other fields: a label of that name would be taken for it
TAKEN = {"sha256", "path", "text", "language", "corpus_label", "annotator", "confidence", "note", "seen", "seconds"}
TAKEN |= {"event", "fill", "rest", "people", "decided_by", "source", "id", "split", "speaker", "dialogue", "label"}
TAKEN_BEGINNINGS = ("before_", "mean_", "votes_")
LANGUAGES = ("en", "ru")
# of labels that are none of the seven, by their turn; annotate_labels.js offers the same
SPARE = (*COLOURS.values(), "#8856A7", "#9C6B30")
SPARE_DARK = (*COLOURS_DARK.values(), "#A985C9", "#B98A52")


@dataclass(frozen=True)
class ProjectLabel:
    """One label: what it is called in the log, in each language of the page, and its colours (#rrggbb)."""

    name: str
    titles: Mapping[str, str]
    colour: str
    colour_dark: str


@dataclass(frozen=True)
class LabelList:
    """The labels of a project, in the order of their bars and keys.

    Attributes
    ----------
    labels
        All over which a distribution is given: the seven, or those of the list.
    offered
        Names of those that people may give points to.
    """

    labels: tuple[ProjectLabel, ...]
    offered: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of `labels`."""
        return tuple(label.name for label in self.labels)

    @property
    def is_own(self) -> bool:
        """Whether the list is none of the seven emotions or some of them."""
        return self.names != EMOTIONS

    def vector(self, probs: Mapping[str, float]) -> np.ndarray:
        """Return the shares (C,) of a distribution in the order of `names`. Raises KeyError for another list's."""
        return np.array([probs[name] for name in self.names], dtype=np.float64)

    def named(self, values: Iterable[float]) -> dict[str, float]:
        """Give each of C shares its name."""
        return {name: float(value) for name, value in zip(self.names, values, strict=True)}

    def check(self, probs: Mapping[str, float], project: str) -> None:
        """Raise InputError unless a distribution is over these names and gives nothing to what is not offered."""
        if set(probs) != set(self.names):
            given = ", ".join(probs)[:200]
            raise InputError("labels-other", project=project, given=given, names=", ".join(self.names))
        for name, value in probs.items():
            if value and name not in self.offered:
                raise InputError("annotate-labels", name=name, names=", ".join(self.offered))


def _of_the_seven(name: str) -> ProjectLabel:
    titles = {language: NAMES[language][name] for language in LANGUAGES}
    return ProjectLabel(name, titles, COLOURS[name], COLOURS_DARK[name])


SEVEN = LabelList(tuple(_of_the_seven(name) for name in EMOTIONS), EMOTIONS)


def label_list(setting: Sequence[str | Mapping[str, Any]]) -> LabelList:
    """Return the list that a project's setting means: names, or objects with `name` and, by choice, more.

    More is `en` and `ru`, what the page calls it (one stands for both), and `colour`, #rrggbb. Nothing is the seven.
    """
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in setting]
    names = [str(entry["name"]) for entry in entries]
    if not entries or set(names) <= set(EMOTIONS):
        return LabelList(SEVEN.labels, tuple(name for name in EMOTIONS if name in names) or EMOTIONS)
    labels = []
    for turn, entry in enumerate(entries):
        name = str(entry["name"])
        said = {language: str(entry[language]) for language in LANGUAGES if entry.get(language)}
        known = NAMES["en"].get(name) and {language: NAMES[language][name] for language in LANGUAGES}
        fallback = known or dict.fromkeys(LANGUAGES, next(iter(said.values()), name))
        spare, spare_dark = COLOURS.get(name, SPARE[turn % MOST]), COLOURS_DARK.get(name, SPARE_DARK[turn % MOST])
        own = entry.get("colour")
        labels.append(ProjectLabel(name, fallback | said, str(own or spare), str(own or spare_dark)))
    return LabelList(tuple(labels), tuple(names))


def check_same(given: LabelList, wanted: LabelList, project: str) -> None:
    """Raise InputError unless labels over one list are labels over the other: the order and the colours may differ."""
    if set(given.names) != set(wanted.names):
        names = ", ".join(wanted.names)
        raise InputError("labels-other", project=project, given=", ".join(given.names)[:200], names=names)


def is_sound(setting: object) -> bool:
    """Whether a project may have these labels: what `label_list` reads, with names that nothing else has."""
    if not isinstance(setting, list):
        return False
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in setting]
    if not all(isinstance(entry, dict) and _is_entry(entry) for entry in entries):
        return False
    names = [entry["name"] for entry in entries]
    if len({name.casefold() for name in names}) < len(names):
        return False
    return set(names) <= set(EMOTIONS) or FEWEST <= len(names) <= MOST


def is_name(name: object) -> bool:
    """Whether a label may be called so."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        return False
    return name.casefold() not in TAKEN and not name.casefold().startswith(TAKEN_BEGINNINGS)


def _is_entry(entry: Mapping[Any, object]) -> bool:
    if not entry.keys() <= {"name", "colour", *LANGUAGES} or not is_name(entry.get("name")):
        return False
    titles = [entry[language] for language in LANGUAGES if language in entry]
    if not all(isinstance(title, str) and len(title) <= TITLE and title.isprintable() for title in titles):
        return False
    colour = entry.get("colour", "#000000")
    return isinstance(colour, str) and (colour == "" or COLOUR.fullmatch(colour) is not None)


def names_among(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a list of its own, as a table has them in its columns; the seven for any others."""
    return EMOTIONS if set(names) <= set(EMOTIONS) or not is_sound(list(names)) else tuple(names)


def setting_of(names: Sequence[str]) -> list[str]:
    """Return the setting of a project whose distributions have these names; [] for the seven."""
    return [] if set(names) == set(EMOTIONS) else list(names)
