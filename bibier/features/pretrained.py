"""Frozen models of the Hub: found on this machine, fetched only when that was allowed, and never trained."""

from __future__ import annotations

import pickle
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import safetensors
import torch

from bibier import hub
from bibier.errors import InputError, reason_of
from bibier.hub import COMMIT
from bibier.i18n.messages import Message
from bibier.parsing import read_json
from bibier.process import complete_torch, gains_by_bfloat16, require

if TYPE_CHECKING:  # transformers takes a second to import
    from transformers import PreTrainedModel

REPO = re.compile(r"(?!.*(?:--|\.\.))(?:\w[\w.-]*/)?\w[\w.-]*")  # anything else can only be meant as a folder
CODE = ".py"
# What else is fetched of a repository beside its weights; READMEs, pictures and other frameworks' weights are not.
DESCRIPTIONS = (".json", ".txt", ".model", ".yaml")
# The weights of a folder, the preferred first. A pickle is opened only where there is nothing else.
SAFE, PICKLES, FUNASR = "model*.safetensors", "pytorch_model*.bin", "*.pt"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class EncoderSource:
    """Where the frozen model of a kind comes from, and what it is."""

    repo: str
    revision: str  # a commit
    megabytes: int  # about, of the files that are fetched
    dim: int  # D, of its hidden states
    architecture: str  # its class in transformers
    model_type: str  # what its config.json has to say
    positions: int = 0  # tokens that are read of a text by default
    runs_code: bool = False  # whether opening it runs code that comes with it


class FrozenConfig(Protocol):
    """What the settings of a frozen extractor have in common."""

    @property
    def kind(self) -> str: ...
    @property
    def repo(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def layer(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def dtype(self) -> str: ...


def complete(config: FrozenConfig, sources: dict[str, EncoderSource]) -> None:
    """Fill the empty fields of a frozen settings object from the source of its kind, and check them.

    Raises InputError on an unknown kind, a repository without a revision, or an unknown dtype.
    """
    if config.kind not in sources:
        raise InputError("features-unknown", kind=config.kind, kinds=", ".join(sources))
    source = sources[config.kind]
    own = config.repo in ("", source.repo)
    defaults = {"repo": source.repo, "revision": source.revision if own else "", "dim": source.dim}
    if hasattr(config, "positions"):
        defaults["positions"] = source.positions
    for name, value in defaults.items():
        object.__setattr__(config, name, getattr(config, name) or value)
    if not config.revision:
        raise InputError("weights-revision", repo=config.repo, revision="")
    if config.dtype not in DTYPES:
        known = ", ".join(DTYPES)
        raise InputError("features-setting", kind=config.kind, setting="dtype", value=config.dtype, expected=known)


# ------------------------------------------------------------------------------------------------ finding and fetching


def weights_of(folder: Path) -> list[Path]:
    """Return the weight files of a folder: safetensors, or else a pickle; empty when they are not all there."""
    for pattern in (SAFE, PICKLES, FUNASR):
        if files := sorted(folder.glob(pattern)):
            for index in folder.glob(f"{pattern}.index.json"):
                try:
                    named = set(read_json(index.read_text(encoding="utf-8"))["weight_map"].values())
                except (ValueError, KeyError, TypeError, AttributeError):
                    return []
                if not named <= {file.name for file in files}:
                    return []
            return files
    return []


def find(
    repo: str,
    revision: str,
    *,
    megabytes: int,
    code: bool = False,
    allow_download: bool = False,
    cache: Path | None = None,
    report: Callable[[Message], None] | None = None,
) -> Path:
    """Return the folder of a repository's files.

    Parameters
    ----------
    repo
        A repository of the Hub, or a local folder.
    revision
        The commit, 40 hex digits; of a folder, any name of this version of its files.
    megabytes
        About how much a download would bring, to be told before it is known.
    code
        Whether the repository's own program code is wanted too.
    allow_download
        Whether what is not on this machine may be fetched; `report` is told what, how large and where to.
    cache
        The Hub's cache; None is its usual place.

    Raises
    ------
    InputError
        The weights are not on this machine and may not be fetched, or could not be; the revision is not a commit; the
        folder lacks a file.
    """
    folder = Path(repo).expanduser()
    if folder.is_dir() or not REPO.fullmatch(repo):
        if not weights_of(folder):
            raise InputError("weights-incomplete", folder=repo, file=SAFE)
        return folder
    if not COMMIT.fullmatch(revision):
        raise InputError("weights-revision", repo=repo, revision=revision)
    if folder := _cached(repo, revision, cache):
        return folder
    if not allow_download:
        raise InputError("weights-missing", repo=repo, revision=revision, megabytes=megabytes)
    _fetch(repo, revision, code, cache, report)
    folder = _cached(repo, revision, cache)
    if folder is None:
        raise InputError("weights-incomplete", folder=f"{repo}@{revision}", file=SAFE)
    return folder


def _cached(repo: str, revision: str, cache: Path | None) -> Path | None:
    """Return a snapshot of the Hub's cache; None when it is not there whole, as after an interrupted download."""
    import huggingface_hub

    for name in ("config.json", "config.yaml"):
        file = huggingface_hub.try_to_load_from_cache(repo, name, cache_dir=cache, revision=revision)
        if isinstance(file, str) and weights_of(Path(file).parent):
            return Path(file).parent
    return None


def _fetch(repo: str, revision: str, code: bool, cache: Path | None, report: Callable[[Message], None] | None) -> None:
    import huggingface_hub

    with hub.hub_errors("weights-unreachable", repo=repo, revision=revision):
        tree = hub.client().list_repo_tree(repo, revision=revision)
        sizes = {file.path: file.size for file in tree if isinstance(file, huggingface_hub.RepoFile)}
    wanted = chosen(list(sizes), code)
    size = sum(sizes[name] for name in wanted)
    folder = Path(cache or huggingface_hub.constants.HF_HUB_CACHE)
    values = {"repo": repo, "revision": revision, "megabytes": round(size / 1e6), "folder": str(folder)}
    with hub.hub_errors("weights-unreachable", full="weights-no-space", **values):
        folder.mkdir(parents=True, exist_ok=True)
        if size > shutil.disk_usage(folder).free:
            raise InputError("weights-no-space", **values)
        if report:
            report(Message("weights-fetched", values))
        hub.snapshot(repo, revision, wanted, cache=cache)


def chosen(names: Sequence[str], code: bool) -> list[str]:
    """Return the files of a repository that are fetched: descriptions and one kind of weights, of its top folder."""
    top = [name for name in names if "/" not in name]
    descriptions = [name for name in top if Path(name).suffix in (*DESCRIPTIONS, *([CODE] if code else ()))]
    for pattern in (SAFE, PICKLES, FUNASR):
        if weights := [name for name in top if Path(name).match(pattern)]:
            return descriptions + weights
    return descriptions


# -------------------------------------------------------------------------------------------------------------- opening


def open_model(
    folder: Path,
    source: EncoderSource,
    config: FrozenConfig,
    *,
    dtype: str = "float32",
    remote: str | None = None,
    **options: object,
) -> PreTrainedModel:
    """Load a model, frozen: every parameter that it uses comes from the folder, and nothing is fetched.

    Parameters
    ----------
    source
        Its class and what config.json has to say.
    config
        The extractor's settings: its dim.
    dtype
        In which it computes, a key of `DTYPES`.
    remote
        The class of transformers that runs the folder's own program code in place of the source's class.
    options
        Given to the class as they are.

    Raises
    ------
    InputError
        The weights are cut off, of another model, or lack a tensor; the folder's own code does not run.
    """
    require("transformers", extra="encoders")
    complete_torch()
    import transformers

    file = folder / "config.json"
    try:
        stated = read_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("weights-incomplete", folder=str(folder), file=file.name) from error
    except ValueError as error:
        raise InputError("weights-broken", file=str(file), detail=reason_of(error)) from error
    if not isinstance(stated, dict):
        raise InputError("weights-broken", file=str(file), detail=type(stated).__name__)
    for setting, value, expected in (
        ("model_type", stated.get("model_type"), source.model_type),
        ("hidden_size", stated.get("hidden_size"), config.dim),
    ):
        if value != expected:
            raise InputError("weights-other-model", folder=str(folder), setting=setting, value=value, expected=expected)
    if remote and "--" in str(stated.get("auto_map")):  # transformers would run the code of the repository before it
        raise InputError("weights-code-elsewhere", repo=config.repo)
    files = weights_of(folder)
    verbosity, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()  # a head that is left out is no warning here
    transformers.logging.disable_progress_bar()
    try:
        model, loaded = getattr(transformers, remote or source.architecture).from_pretrained(
            folder,
            dtype=DTYPES[dtype],
            local_files_only=True,
            use_safetensors=files[0].suffix == ".safetensors",
            trust_remote_code=remote is not None,
            output_loading_info=True,
            **options,
        )
    except (safetensors.SafetensorError, pickle.UnpicklingError, EOFError, RuntimeError, OSError) as error:
        raise InputError("weights-broken", file=str(files[0]), detail=str(error).splitlines()[0][:200]) from error
    except (ImportError, AttributeError, TypeError) as error:
        if remote is None:
            raise
        version = transformers.__version__
        raise InputError("weights-code-fails", repo=config.repo, version=version, detail=str(error)[:200]) from error
    finally:
        transformers.logging.set_verbosity(verbosity)
        if bars:
            transformers.logging.enable_progress_bar()
    # What replaces masked frames in pre-training is not used by a frozen model, and not every repository has it.
    missing = sorted(key for key in loaded["missing_keys"] if not key.endswith("masked_spec_embed"))
    if missing:
        raise InputError("weights-lack", folder=str(folder), tensor=missing[0], count=len(missing))
    if not -1 <= config.layer <= model.config.num_hidden_layers:
        expected = f"-1 … {model.config.num_hidden_layers}"
        raise InputError("features-setting", kind=config.kind, setting="layer", value=config.layer, expected=expected)
    return model.requires_grad_(False).eval()


ConfigT = TypeVar("ConfigT", bound=FrozenConfig)
ModelT = TypeVar("ModelT")


class Frozen(Generic[ConfigT, ModelT]):
    """A frozen model that is loaded at the first use, once; calls from several threads take turns.

    Parameters
    ----------
    config
        Its settings.
    device
        Where the model runs.
    allow_download
        Whether loading may fetch the weights when they are not on this machine.
    cache
        The Hub's cache; None is its usual place.
    report
        Told what is fetched, how large and where to.
    """

    sources: dict[str, EncoderSource]

    def __init__(
        self,
        config: ConfigT,
        *,
        device: str = "cpu",
        allow_download: bool = False,
        cache: Path | None = None,
        report: Callable[[Message], None] | None = None,
    ):
        self.config, self.dim, self.device = config, config.dim, device
        self._allow_download, self._cache, self._report = allow_download, cache, report
        self._lock = threading.RLock()
        self._loaded: ModelT | None = None
        self.fast = False  # set before the first use: the profile "fast" (`process.choose_profile`)

    @property
    def dtype(self) -> str:
        """In which the model computes, a key of `DTYPES`."""
        return "bfloat16" if self.fast and gains_by_bfloat16(self.device) else self.config.dtype

    def load(self) -> None:
        """Bring the model into memory, fetching its weights first if that was allowed. Raises InputError."""
        self._model()

    def _model(self) -> ModelT:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._open(self.folder())
            return self._loaded

    def folder(self) -> Path:
        """Return the folder of the model's files, fetching them first if that was allowed. Raises InputError."""
        source = self.sources[self.config.kind]
        if source.runs_code and not self._allows_code():
            raise InputError("weights-run-code", kind=self.config.kind, repo=self.config.repo)
        return find(
            self.config.repo,
            self.config.revision,
            megabytes=source.megabytes,
            code=source.runs_code,
            allow_download=self._allow_download,
            cache=self._cache,
            report=self._report,
        )

    def _allows_code(self) -> bool:
        """Whether the person agreed to run the program code that comes with the weights."""
        return False

    def _open(self, folder: Path) -> ModelT:
        raise NotImplementedError
