"""What the Models tab says of checkpoints, and what happens when one is chosen or fetched; apart from Gradio.

Handlers yield values for the tab's two parts: "models", the list, and "fetching", the Hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Unpack

from bibier.errors import InputError, LoadError
from bibier.i18n.page import STRINGS, decimal, language_name, say
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.state import AnalysisState
from bibier.ui.client import ClientContext
from bibier.ui.figure import TextTable
from bibier.ui.inference import PACE, inference, sentence
from bibier.ui.models.model_card import nodes
from bibier.ui.models.updates import Card, HubValue, ModelsUpdate, ModelsValue, failed

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.checkpoint.hub import Offer
    from bibier.checkpoint.library import Entry, ModelLibrary
    from bibier.inference.predictor import Predictor

LONGEST = 200  # characters of a foreign checkpoint's own words in one place
UNITS = ("b", "kb", "mb", "gb")
# stand beside a figure: what guessing gives, and of how many recordings it is
BESIDE = {"chance": "models_chance", "n": "models_n"}
MOST_ROWS, MOST_COLUMNS = 40, 6  # of a foreign checkpoint's figures
OWN_WORDS = tuple(f"split_{name}" for name in ("speakers", "left_out", "test", "voice", "words", "both"))
OWN_WORDS += ("licence_research",)
MOST = 64  # offers remembered, over all tabs


def size(count: float, language: str) -> str:
    """5_500_000 → "5.5 MB" or "5,5 МБ"."""
    power = 0
    while count >= 1000 and power < len(UNITS) - 1:
        count, power = count / 1000, power + 1
    return say(f"unit_{UNITS[power]}", language, value=decimal(count, language, 1 if power > 1 else 0))


def number(count: int, language: str) -> str:
    """2697427 → "2,697,427", or with spaces; nothing is "—"."""
    return "—" if not count else f"{count:,}".replace(",", "\u00a0" if language == "ru" else ",")


def short(thing: object) -> str:
    """A foreign checkpoint's own words, which may be anything, cut to a line's length."""
    text = str(thing)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def said(text: str, language: str) -> str:
    """Say in the page's language what checkpoints of ours say in English; a foreign one's words stay as they are."""
    for key in OWN_WORDS:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(STRINGS[key][0]))
        if found := re.fullmatch(pattern, text):
            return say(key, language, **{name: said(part, language) for name, part in found.groupdict().items()})
    return text


def figures(metrics: object, language: str) -> TextTable:
    """Return a row for each split and a column for each figure; what guessing gives and how many clips come last.

    {"MELD test": {"UAR": 39.1, "chance": 14.3, "n": 2610}} → MELD test | 39.1 | 14.3 | 2,610. A foreign checkpoint's
    metrics may be anything, and as much as anything.
    """
    if not isinstance(metrics, dict):
        metrics = {"—": metrics} if metrics else {}
    rows = {short(split): found if isinstance(found, dict) else {"": found} for split, found in metrics.items()}
    rows = dict(list(rows.items())[:MOST_ROWS])
    there = {str(name): None for found in rows.values() for name in found}
    named = [name for name in there if name not in BESIDE][:MOST_COLUMNS]
    columns = [*named, *(name for name in BESIDE if name in there)]
    headings = [say(BESIDE[name], language) if name in BESIDE else short(name) for name in columns]
    cells = {split: {str(name): found[name] for name in found} for split, found in rows.items()}
    return {
        "head": [say("models_split", language), *headings],
        "rows": [
            [said(split, language), *(_cell(name, found.get(name), language) for name in columns)]
            for split, found in cells.items()
        ],
    }


def _cell(name: str, value: object, language: str) -> str:
    if value is None:
        return "—"
    return number(value, language) if name == "n" and type(value) is int else short(_figure(value, language))


def _figure(value: object, language: str) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figure(part, language)}" for name, part in value.items())
    if isinstance(value, float):
        return decimal(value, language, 1 if abs(value) >= 10 else 3)
    return str(value)


def described(entry: Entry, chosen: str, language: str) -> Card:
    """Return one checkpoint as the page draws it."""
    config = entry.config
    facts = []
    if entry.parts:
        count = number(entry.parameters, language)
        facts.append(["models_size", say("models_size_of", language, size=size(entry.size, language), count=count)])
    elif entry.size:
        facts.append(["models_size", size(entry.size, language)])
    if config:
        codes = config.languages if isinstance(config.languages, tuple) else [config.languages]
        facts.append(["models_licence", said(short(config.licence), language)])
        facts.append(["models_languages", short(", ".join(language_name(str(code), language) for code in codes))])
    return {
        "key": entry.key,
        "title": entry.title,
        "start": entry.key == "",
        "chosen": entry.key == chosen,
        "problem": entry.problem.text(language) if entry.problem else "",
        "facts": [[say(key, language), value] for key, value in facts],
        "figures": figures(config.metrics, language) if config else None,
        "parts": [
            [
                say(f"models_part_{part.name}", language),
                part.kind,
                number(part.parameters, language),
            ]
            for part in entry.parts
        ],
        "card": nodes(entry.card, language),
    }


class ModelHandlers:
    """The handlers. One per app: which checkpoint a tab of a browser uses, it says itself with each event.

    Parameters
    ----------
    analysing
        Of the Analyse tab; its services deliver the models.
    """

    def __init__(self, analysing: AnalyseHandlers):
        self.analysing = analysing
        self.drawn: dict[tuple[str, bool, str], tuple[Entry, Card]] = {}  # by key, whether it is chosen, language
        self.offers: dict[str, Offer] = {}  # what a tab was last told the size of

    def library(self, language: str) -> ModelLibrary[Predictor]:
        """Wait for the models. Raises InputError or `LoadError` when they could not be loaded."""
        return self.analysing.models(language)

    def listed(self, context: ClientContext, key: str | None = None, **more: Unpack[ModelsValue]) -> ModelsValue:
        """Return the list; a choice that is not there any more becomes that of the start."""
        language, library = context.theme.language, self.library(context.theme.language)
        entries = library.entries()
        chosen = context.checkpoint if key is None else key
        if chosen not in {entry.key for entry in entries}:
            chosen = ""
        whole: ModelsValue = {
            "lines": [say("models_yours", language), say("models_annotate", language, name=library.start.title)],
            "closed": InputError("shelf-fixed").text(language) if library.fixed else "",
            "cards": self.cards(entries, chosen, language),
            "chosen": chosen,
        }
        return whole | more

    def cards(self, entries: Sequence[Entry], chosen: str, language: str) -> list[Card]:
        """Describe checkpoints; what was said of one before is not put together again."""
        drawn, names = dict(self.drawn), [(entry.key, entry.key == chosen, language) for entry in entries]
        for name, entry in zip(names, entries, strict=True):
            if name not in drawn or drawn[name][0] is not entry:
                drawn[name] = (entry, described(entry, chosen, language))
        there = {entry.key for entry in entries}
        self.drawn = {name: known for name, known in drawn.items() if name[0] in there}
        return [drawn[name][1] for name in names]

    def hub(self, context: ClientContext, **more: Unpack[HubValue]) -> HubValue:
        """Return the part about the Hub."""
        language, library = context.theme.language, self.library(context.theme.language)
        closed = ""
        if not library.hub:
            closed = InputError("shelf-closed").text(language)
        elif not context.operator:
            closed = InputError("start-needed").text(language)
        whole: HubValue = {"closed": closed, "hidden": library.fixed}
        return whole | more

    def open(self, context: ClientContext) -> Iterator[ModelsUpdate]:
        """Show the tab, once the models are there."""
        language = context.theme.language
        if not self.analysing.services.reader.done():
            yield {"models": {"said": say("stage_loading", language), "busy": True}}
        try:
            yield {"models": self.listed(context), "fetching": self.hub(context)}
        except (InputError, LoadError) as error:
            shown: ModelsValue = {**failed(partial(sentence, error), language)}
            yield {"models": shown}

    def use(self, key: object, state: AnalysisState | None, context: ClientContext) -> Iterator[ModelsUpdate]:
        """Load a checkpoint and make it the tab's; one that can't be loaded leaves everything as it was."""
        language = context.theme.language
        try:
            with inference(self.analysing.services.queue, context, "checkpoint") as run:
                run.stage("start")
                library = self.library(language)
                entry = library.entry(key if isinstance(key, str) else "?")
                loading = say("models_loading", language, name=entry.title)
                yield {"models": self.listed(context, said=loading, busy=True)}
                library.of(entry.key)
        except (InputError, LoadError) as error:
            yield {"models": self.listed(context, **failed(partial(sentence, error), language))}
            return
        differs = state is not None and state.checkpoint != entry.key
        text = say("models_used" if differs else "models_same", language, name=entry.title)
        yield {"models": self.listed(context, entry.key, said=text)}

    def ask(self, name: object, context: ClientContext) -> Iterator[ModelsUpdate]:
        """Ask the Hub what a name stands for and how large it is."""
        language, name = context.theme.language, short(name).strip()
        if not context.operator:
            yield {"fetching": self.hub(context)}
            return
        yield {"fetching": self.hub(context, said=say("models_asking", language, name=name), busy=True)}
        try:
            offer = self.library(language).offer(name)
        except InputError as error:
            yield {"fetching": self.hub(context, **failed(error.text, language))}
            return
        if offer.here:
            here = say("models_here", language, name=offer.name)
            yield {"fetching": self.hub(context, said=here), "models": self.listed(context)}
            return
        self.offers.pop(context.tab, None)
        self.offers[context.tab] = offer
        while len(self.offers) > MOST:
            self.offers.pop(next(iter(self.offers)))
        large = size(offer.size, language)
        text = say("models_offer", language, name=offer.name, size=large, place=offer.place)
        yield {"fetching": self.hub(context, said=text, offer=say("models_fetch", language, size=large))}

    def fetch(self, context: ClientContext) -> Iterator[ModelsUpdate]:
        """Fetch what the tab was told the size of, saying how far it is."""
        language, offer = context.theme.language, self.offers.pop(context.tab, None)
        if offer is None:
            yield {"fetching": self.hub(context, **failed(partial(say, "models_ask_again"), language))}
            return
        try:
            with inference(self.analysing.services.queue, context, "fetch") as run:
                run.stage("start")
                yield from self._fetching(offer, context)
        except (InputError, LoadError) as error:
            yield {"fetching": self.hub(context, **failed(partial(sentence, error), language))}
            return
        text = say("models_fetched", language, name=offer.name)
        yield {"fetching": self.hub(context, said=text), "models": self.listed(context)}

    def _fetching(self, offer: Offer, context: ClientContext) -> Iterator[ModelsUpdate]:
        """Fetch, and say how far it is. Raises InputError."""
        language, before = context.theme.language, offer.received
        large = size(offer.size, language)
        with ThreadPoolExecutor(1, thread_name_prefix="hub") as pool:
            job = pool.submit(self.library(language).fetch, offer)
            while not job.done():
                received = min(max(0, offer.received - before), offer.size)
                so_far = size(received, language)
                text = say("models_fetching", language, name=offer.name, received=so_far, size=large)
                share = received / offer.size if offer.size else 0.0
                yield {"fetching": self.hub(context, said=text, busy=True, share=share)}
                wait([job], timeout=PACE)
            job.result()
