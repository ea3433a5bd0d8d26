"""The checkpoints that can be chosen from while the app runs: what they are, and a few of them in memory.

The one that the app was started with is always there. Others lie in `checkpoints/` or in the Hub's cache; one is read
strictly when somebody wants it, and one that can't be read harms nobody who uses another.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import safetensors
import torch

from bibier.checkpoint import bundle as checkpoint
from bibier.checkpoint import hub as hub_checkpoint
from bibier.checkpoint.bundle import CARD, CONFIG, WEIGHTS, Bundle, BundleConfig
from bibier.checkpoint.components import REGISTRY, build
from bibier.checkpoint.consent import foreign_code
from bibier.errors import InputError
from bibier.features.speech_encoders import HubAudio
from bibier.features.text_encoders import HubText
from bibier.file_names import is_text
from bibier.log import note, told
from bibier.process import complete_torch

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FILES = (CONFIG, WEIGHTS, CARD)
MOST = 2  # bundles in memory besides that of the start: as many as are compared
CARD_LIMIT = 40_000  # characters of a card that are shown
START = ""  # the key of the checkpoint that the app was started with

R = TypeVar("R")


@dataclass(frozen=True)
class Part:
    """One part of a checkpoint: its name in the config, what it is, and its parameters."""

    name: str
    kind: str
    parameters: int


@dataclass(frozen=True)
class Entry:
    """One checkpoint in the library. `problem` says why it can't be used; what could be read of it is there anyway.

    `key` asks for it and stays the same while its content does; `title` is for people.
    """

    key: str
    title: str
    folder: Path
    config: BundleConfig | None = None
    parts: tuple[Part, ...] = ()
    size: int = 0  # bytes on the disk
    card: str = ""
    problem: InputError | None = None

    @property
    def parameters(self) -> int:
        """How many it has; those of encoders that it takes from elsewhere are not counted."""
        return sum(part.parameters for part in self.parts)


class ModelLibrary(Generic[R]):
    """Gives readers (`Predictor`s by the name of a recogniser) of any checkpoint in it.

    Called with the name of a recogniser, it gives a reader of the checkpoint of the start.

    Parameters
    ----------
    name
        What the app was started with, as `checkpoint.resolve` takes it.
    readers
        Makes of a bundle what makes readers of it.
    device
        Where the bundles run.
    profile
        How they compute (`process.choose_profile`).
    root
        Folder with folders of checkpoints.
    hub
        Whether what is in the Hub's cache belongs to the library, and more may be fetched into it.
    cache
        The Hub's cache; None is its usual place.
    api
        Asks the Hub; None is the usual one.
    fixed
        Whether the checkpoint of the start is the only one that can be used here.
    most
        Bundles kept in memory besides that of the start; the one unused for longest goes.

    Raises
    ------
    InputError
        The checkpoint of the start can't be loaded.
    """

    def __init__(
        self,
        name: str,
        readers: Callable[[Bundle], Callable[[str], R]],
        *,
        device: str = "cpu",
        profile: str = "exact",
        root: Path = checkpoint.ROOT,
        hub: bool = False,
        cache: Path | None = None,
        api: HfApi | None = None,
        fixed: bool = False,
        most: int = MOST,
    ):
        self.readers, self.device, self.profile, self.root = readers, device, profile, root
        self.hub, self.cache, self.api, self.fixed, self.most = hub, cache, api, fixed, most
        folder = checkpoint.resolve(name)
        bundle = checkpoint.load(folder, device, called=title(name, folder), profile=profile)
        self.start = describe(START, title(name, folder), folder, bundle)
        self.first = readers(bundle)
        self.loaded: OrderedDict[str, Callable[[str], R]] = OrderedDict()
        self.loading = threading.Lock()  # one at a time: memory is the bottleneck
        self.known: dict[str, tuple[tuple, Entry]] = {}  # key → when and how large its files were, what they say

    def __call__(self, recogniser: str) -> R:
        """Return a reader of the checkpoint of the start."""
        return self.first(recogniser)

    def places(self) -> dict[str, Entry]:
        """List what is there by key, that of the start first; nothing of the others is read yet."""
        places = {START: self.start}
        if self.fixed:
            return places
        own = self.start.folder.resolve()
        if self.root.is_dir():
            for folder in sorted(self.root.iterdir()):
                if folder.is_dir() and not folder.name.startswith(".") and folder.resolve() != own and is_text(folder):
                    places[folder.name] = Entry(folder.name, folder.name, folder)
        for cached in hub_checkpoint.kept(FILES, cache=self.cache) if self.hub else ():
            if cached.folder.resolve() != own:
                key = f"{cached.repo}@{cached.commit}"
                places[key] = Entry(key, title(key, cached.folder), cached.folder)
        return places

    def entries(self) -> tuple[Entry, ...]:
        """Describe every checkpoint that is there; what has not changed is not read again."""
        entries: dict[str, tuple[tuple, Entry]] = {START: ((), self.start)}
        for key, entry in self.places().items():
            if key == START:
                continue
            stamp = fingerprint(entry.folder)
            known = self.known.get(key)
            if known is None or known[0] != stamp:
                known = stamp, describe(key, entry.title, entry.folder)
            entries[key] = known
        self.known = entries
        return tuple(entry for _, entry in entries.values())

    def entry(self, key: str) -> Entry:
        """Find a checkpoint by its key. Raises InputError when it is not there, or not any more."""
        if key == START:
            return self.start
        if self.fixed:
            raise InputError("shelf-fixed")
        if (entry := self.places().get(key)) is None:
            raise InputError("shelf-gone", name=key)
        return entry

    def of(self, key: str) -> Callable[[str], R]:
        """Return what makes readers of a checkpoint, loading it if need be.

        Raises
        ------
        InputError
            It is not there, is broken or cut off, needs other weights that are not here, or would run foreign code.
        """
        if key == START:
            return self.first
        with self.loading:
            if key not in self.loaded:
                entry = self.entry(key)
                self.make_room()
                self.loaded[key] = self.readers(self.load(entry))
            self.loaded.move_to_end(key)
            return self.loaded[key]

    def make_room(self) -> None:
        """Let bundles go until one more may come; who is just using one keeps it until the end of the work."""
        while len(self.loaded) >= self.most:
            self.loaded.popitem(last=False)

    def load(self, entry: Entry) -> Bundle:
        """Read a checkpoint strictly, with what it needs from elsewhere. Raises InputError."""
        if hub_checkpoint.is_name(entry.key) and (broken := hub_checkpoint.broken(entry.folder, FILES)):
            raise InputError("hub-broken-here", name=entry.title, file=broken[0])
        entry = describe(entry.key, entry.title, entry.folder)
        if entry.problem:
            raise entry.problem
        assert entry.config is not None, "an entry without a problem has a config"
        if foreign_code(entry.config.audio_features, entry.config.text_features):
            raise InputError("shelf-runs-code", name=entry.title)
        bundle = checkpoint.load(entry.folder, self.device, called=entry.title, profile=self.profile)
        for extractor in (bundle.audio_features, bundle.text_features):
            if isinstance(extractor, HubAudio | HubText):  # frozen, and missed only at the first clip
                extractor.load()
        return bundle

    def offer(self, name: str) -> hub_checkpoint.Offer:
        """Ask the Hub for the size of a checkpoint. Raises InputError, also where nothing may be fetched."""
        if not self.hub or self.fixed:
            raise InputError("shelf-closed")
        return hub_checkpoint.offer(name.strip(), FILES, cache=self.cache, api=self.api)

    def fetch(self, offer: hub_checkpoint.Offer) -> str:
        """Fetch what was offered, and return its key. Raises InputError."""
        if not self.hub or self.fixed:
            raise InputError("shelf-closed")
        said: list[object] = []  # by the page, before
        where = {"cache": self.cache, "api": self.api, "report": said.append}
        hub_checkpoint.fetch(offer.name, FILES, commit=offer.commit, **where)
        return f"{offer.repo}@{offer.commit}"


def title(name: str, folder: Path) -> str:
    """Name a checkpoint for people: by its folder, or by its repository and the beginning of its commit."""
    if hub_checkpoint.is_name(name) and hub_checkpoint.COMMIT.fullmatch(folder.name):
        repo, _ = hub_checkpoint.parse_name(name)
        return hub_checkpoint.short(f"{repo}@{folder.name}")
    return folder.resolve().name


def fingerprint(folder: Path) -> tuple:
    """Return when the files of a checkpoint were written, and how large they are."""
    stamps: list[tuple] = []
    for name in FILES:
        try:
            facts = (folder / name).stat()
        except FileNotFoundError:
            stamps.append((name,))
            continue
        stamps.append((name, facts.st_mtime_ns, facts.st_size))
    return (str(folder), *stamps)


def describe(key: str, title: str, folder: Path, bundle: Bundle | None = None) -> Entry:
    """Read what a checkpoint says of itself, not its weights; what can't be read is its problem.

    `bundle` is the checkpoint in memory, if it is there.
    """
    facts: dict = {}
    try:
        facts["size"] = sum(path.stat().st_size for path in map(folder.joinpath, FILES) if path.is_file())
        if (folder / CARD).is_file() and is_own(folder / CARD):
            with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
                facts["card"] = file.read(CARD_LIMIT)
        if not (folder / CONFIG).is_file():
            raise InputError("checkpoint-no-config", name=title, file=CONFIG)
        facts["config"] = checkpoint.read_config(folder, title)
        if not (folder / WEIGHTS).is_file():
            raise InputError("checkpoint-no-weights", name=title, file=WEIGHTS)
        facts["parts"] = parts(facts["config"], shapes(folder / WEIGHTS), title, bundle)
    except InputError as error:
        facts["problem"] = error
    except (OSError, safetensors.SafetensorError) as error:
        broken = InputError("checkpoint-weights-broken", name=title, file=WEIGHTS, detail=str(error))
        facts["problem"] = broken
    except Exception as error:  # whatever one folder breaks is its own line: the others can be used
        note("checkpoint", level=logging.ERROR, outcome="failed", **told(error))
        facts["problem"] = InputError("checkpoint-config-bad", name=title, detail=type(error).__name__)
    return Entry(key, title, folder, **facts)


def is_own(file: Path) -> bool:
    """Whether a file lies in its checkpoint's folder, links followed; in the Hub's cache in its repository's.

    A card is shown to everybody, and a checkpoint published: a link in a folder of somebody else's may lead to any file
    of this computer.
    """
    folder = file.parent
    if folder.parent.name == "snapshots":
        folder = folder.parent.parent
    return file.resolve().is_relative_to(folder.resolve())


def shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """Read the shape of every tensor, by the header alone. Raises SafetensorError or OSError."""
    with safetensors.safe_open(weights, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a mapping)


def parts(
    config: BundleConfig, stored: dict[str, tuple[int, ...]], title: str, bundle: Bundle | None = None
) -> tuple[Part, ...]:
    """List the parts of a checkpoint with their parameters.

    Those that `bundle` does not hold are built without memory, so that a config which asks for more than its weights
    hold costs nothing. That makes torch import its compiler, which takes seconds: not at the start, that is.

    Raises
    ------
    InputError
        A part can't be built, or its tensors are not those `stored` in the weights.
    """
    listed, wanted = [], {}
    for name in REGISTRY:
        settings, count = getattr(config, name), 0
        if settings is None:
            continue
        if not name.endswith("_features"):  # these hold no weights of the checkpoint's own
            part = getattr(bundle, name) if bundle else unfilled(name, settings, title)
            wanted |= {f"{name}.{key}": tuple(tensor.shape) for key, tensor in part.state_dict().items()}
            count = sum(parameter.numel() for parameter in part.parameters())
        listed.append(Part(name, made_of(settings), count))
    if missing := sorted(wanted.keys() - stored.keys()):
        raise InputError("checkpoint-tensor-missing", name=title, tensor=missing[0])
    if extra := sorted(stored.keys() - wanted.keys()):
        raise InputError("checkpoint-tensor-extra", name=title, tensor=extra[0])
    if wrong := sorted(key for key in wanted if wanted[key] != stored[key]):
        raise InputError("checkpoint-shape", name=title, tensor=wrong[0])
    return tuple(listed)


def unfilled(name: str, settings: object, title: str) -> torch.nn.Module:
    """Build a part that has shapes but no numbers. Raises InputError."""
    complete_torch()
    try:
        with torch.device("meta"):
            return build(name, settings)
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError, AssertionError) as error:  # torch's too
        raise InputError("checkpoint-config-bad", name=title, detail=str(error)) from error


def made_of(settings: Any) -> str:
    """Name the kind of a part, and of its encoder over time if it has one: "conv, lstm"."""
    return ", ".join(str(name) for name in (settings.kind, getattr(settings, "temporal", None)) if name)
