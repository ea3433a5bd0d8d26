"""Phrases from templates (TUG), and their speech: synthetic rows for the emotions that a corpus has too few of.

A template file is `{emotion}.json` with five lists of strings: subjects {s}, verbs {v}, interjections {i}, contexts {c}
and templates, such as "{i} {s} {v}, {c}." Some interjections and contexts hold a tag of Dia, such as "(sighs)".
"""

from __future__ import annotations

import csv
import random
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bibier.errors import CorpusError
from bibier.files import replacing
from bibier.labels import canonical
from bibier.parsing import read_json
from train.corpora.items import Item, one_hot

if TYPE_CHECKING:  # takes seconds to import
    from transformers import DiaForConditionalGeneration, DiaProcessor

FIELDS = ("subjects", "verbs", "interjections", "contexts", "templates")
PLACES = {"s", "v", "i", "c"}
# The sounds that Dia 1.6B makes.
TAGS = (
    *("(laughs)", "(clears throat)", "(sighs)", "(gasps)", "(coughs)", "(singing)", "(sings)", "(mumbles)", "(beep)"),
    *("(groans)", "(sniffs)", "(claps)", "(screams)", "(inhales)", "(exhales)", "(applause)", "(burps)", "(humming)"),
    *("(sneezes)", "(chuckle)", "(whistles)"),
)
HANDLING = ("published", "used")
SEED = 42  # of the papers' draws, for every emotion anew
ATTEMPTS = 50  # a phrase that is wanted; few templates give few phrases

# Phrases of an emotion in the papers: MELD's neutral rows less the emotion's own, less one (4710 − n − 1).
COUNTS = {"anger": 3600, "disgust": 4438, "fear": 4441, "happy": 2966, "sad": 4026, "surprise": 3504}

DIA = "nari-labs/Dia-1.6B-0626"
DIA_RATE = 44_100  # Hz
DIA_FRAMES = 87  # of its codec per second, rounded up: 44,100 / 512
LONGEST = 10  # seconds of speech that are kept


@dataclass(frozen=True)
class Templates:
    """The parts that phrases of one emotion are made of."""

    subjects: tuple[str, ...]
    verbs: tuple[str, ...]
    interjections: tuple[str, ...]
    contexts: tuple[str, ...]
    templates: tuple[str, ...]


def read(path: Path) -> Templates:
    """Read a template file. Raises CorpusError that names the file, the list and what is wrong."""
    try:
        raw = read_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorpusError(f"no such template file: {path}") from error
    except ValueError as error:
        raise CorpusError(f"{path.name} is not JSON in UTF-8: {error}") from error
    wrong = sorted(raw.keys() ^ set(FIELDS)) if isinstance(raw, dict) else [None]
    if wrong:
        named = f": {wrong[0]!r} is missing or unknown" if wrong[0] else ""
        raise CorpusError(f"{path.name} must have the lists {', '.join(FIELDS)}{named}")
    for name in FIELDS:
        if not isinstance(raw[name], list) or not raw[name] or not all(isinstance(part, str) for part in raw[name]):
            raise CorpusError(f"{path.name}: {name} must be a list of at least one string")
    for number, template in enumerate(raw["templates"], start=1):
        try:
            unknown = sorted(_places(template) - PLACES)
        except ValueError as error:
            raise CorpusError(f"{path.name}, template {number}: {error}: write {{{{ for a brace") from error
        if unknown:
            raise CorpusError(
                f"{path.name}, template {number}: unknown {{{unknown[0]}}}: use {{s}}, {{v}}, {{i}}, {{c}}"
            )
    return Templates(**{name: tuple(raw[name]) for name in FIELDS})


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def tagged(text: str) -> bool:
    """Whether a text holds a tag of Dia."""
    return any(tag in text for tag in TAGS)


def untagged(text: str) -> str:
    """Return a text without the tags of Dia, its spaces as they fall."""
    for tag in TAGS:
        text = text.replace(tag, "")
    return text


def tidy(phrase: str) -> str:
    """Mend a filled template: no space before , . ! ?; one dot for two; a space after ")" and before a word; plain
    spaces. In this order."""
    phrase = re.sub(r"\s+([,.!?])", r"\1", phrase)
    phrase = re.sub(r"(?<!\.)\.\.(?!\.)", ".", phrase)
    phrase = re.sub(r"\)(?=\w)", ") ", phrase)
    return re.sub(r"\s+", " ", phrase).strip()


def compose(parts: Templates, count: int, *, draw: random.Random, tags: str = "published") -> list[str]:
    """Compose phrases, each another, in the order they are found.

    Subject, verb, context, interjection and template are drawn in this order. Where both the interjection and
    the context hold a tag, a coin takes the tags from one of them, so that a phrase has one at most. As published the
    coin falls even when the template uses only one of the two, and about half of such phrases lose their only tag.

    Parameters
    ----------
    parts
        Of one emotion.
    count
        Phrases that are wanted; after 50 attempts for each it is enough.
    draw
        `random.Random(42)` as published.
    tags
        "published", or "used": the coin falls only for a template that uses both.
    """
    if tags not in HANDLING:
        raise ValueError(f"tags is {tags!r}: use one of {', '.join(HANDLING)}")
    phrases: dict[str, None] = {}
    for _ in range(ATTEMPTS * count):
        if len(phrases) == count:
            break
        subject, verb = draw.choice(parts.subjects), draw.choice(parts.verbs)
        context, interjection = draw.choice(parts.contexts), draw.choice(parts.interjections)
        template = draw.choice(parts.templates)
        both = tagged(interjection) and tagged(context)
        if both and (tags == "published" or {"i", "c"} <= _places(template)):
            if draw.random() < 0.5:
                context = untagged(context)
            else:
                interjection = untagged(interjection)
        phrases[tidy(template.format(s=subject, v=verb, i=interjection, c=context))] = None
    return list(phrases)


def items(phrases: Sequence[str], emotion: str, *, clips: Path | None = None, keep_tags: bool = False) -> list[Item]:
    """Return the training items of an emotion's phrases, `dia_{emotion}_utt{i}_synt`.

    Their clips are looked for in the folder `clips`; without one they are text only. The words are what is said: the
    tags are taken out unless `keep_tags`.
    """
    emotion = canonical(emotion)
    rows = []
    for number, phrase in enumerate(phrases):
        name = f"dia_{emotion}_utt{number}_synt"
        rows.append(
            Item(
                id=f"tug/train/{name}",
                corpus="tug",
                target=one_hot(emotion),
                text=phrase if keep_tags else tidy(untagged(phrase)),
                path=clips / f"{name}.wav" if clips else None,
                speaker="tug",
                dialogue=f"tug/{name}",
            )
        )
    return rows


class Dia:
    """Speech of a phrase by Dia in transformers: `dia(phrase, seed)` → (samples,) float32 in [-1, 1] at 44.1 kHz.

    The model and its processor are handed in; `Dia.load` fetches the published ones (1.6 billion parameters, about
    6.4 GB in float32; Apache 2.0).
    """

    def __init__(self, model: DiaForConditionalGeneration, processor: DiaProcessor) -> None:
        self.model, self.processor = model.eval(), processor

    @classmethod
    def load(cls, name: str = DIA, revision: str = "main") -> Dia:
        """Fetch or read a published model by name or folder."""
        from transformers import AutoProcessor, DiaForConditionalGeneration

        model = DiaForConditionalGeneration.from_pretrained(name, revision=revision)
        return cls(model, AutoProcessor.from_pretrained(name, revision=revision))

    def __call__(self, phrase: str, seed: int, seconds: float = LONGEST) -> np.ndarray:
        """Say a phrase, cut at `seconds`; the same phrase and seed sound the same on the same machine."""
        import torch

        torch.manual_seed(seed)
        options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}  # transformers' types don't name them
        inputs = self.processor(text=[f"[S1] {phrase}"], **options).to(self.model.device)
        with torch.no_grad():
            codes = self.model.generate(
                **inputs,
                max_new_tokens=int(seconds * DIA_FRAMES) + max(self.model.config.delay_pattern or [0]),
                guidance_scale=3.0,
                do_sample=True,
                temperature=1.8,
                top_p=0.9,
                top_k=45,
            )
        return (
            self.processor.batch_decode(cast(torch.Tensor, codes))[0]
            .float()
            .numpy()
            .reshape(-1)[: int(seconds * DIA_RATE)]
        )


def write(
    rows: Sequence[Item],
    folder: Path,
    *,
    speak: Callable[[str, int], np.ndarray] | None = None,
    spoken: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write items as a manifest `tug.csv` that `corpora.read` reads, and their clips if there is a voice.

    `speak(phrase, seed)` gives samples at 44.1 kHz; `spoken` are the phrases with their tags, by default the texts. A
    clip that is there already is kept, so that an interrupted run goes on where it stopped.

    Raises
    ------
    CorpusError
        There is no item.
    OSError
        The folder can't be written.
    """
    import soundfile

    if not rows:
        raise CorpusError("no phrases to write: check the templates and the counts")
    folder.mkdir(parents=True, exist_ok=True)
    cells = []
    for number, item in enumerate(rows):
        name = item.id.split("/")[-1]
        row = {"text": item.text, "label": canonical(name.split("_")[1]), "split": "train", "speaker": item.speaker}
        if speak is not None:
            clip = folder / f"{name}.wav"
            if not clip.is_file():
                samples = speak(spoken[number] if spoken else item.text or "", number)
                with replacing(clip) as part:
                    soundfile.write(part, samples, DIA_RATE, format="WAV", subtype="PCM_16")
                report(f"{number + 1} of {len(rows)}: {name}")
            row = {"path": clip.name} | row
        cells.append(row)
    table = folder / "tug.csv"
    with replacing(table) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, cells[0])
        writer.writeheader()
        writer.writerows(cells)
    return table
