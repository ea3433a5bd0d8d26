"""BiBiER: what the voice says, what the words say, and where the two disagree.

>>> import bibier
>>> model = bibier.load()
>>> result = model("examples/happy_en.ogg", "I am so happy to see you!")
>>> sorted(result.bimodal.probabilities) == list(bibier.EMOTIONS)
True

Importing this takes no time: torch and the models come with the first `load`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from bibier.errors import BibierError, CorpusError, InputError
    from bibier.inference.predictor import Prediction, Predictor
    from bibier.labels import EMOTIONS
    from bibier.transcript import Transcript, Word

__version__ = "0.1.0"
__all__ = [
    "EMOTIONS",
    "BibierError",
    "CorpusError",
    "InputError",
    "Prediction",
    "Predictor",
    "Transcript",
    "Word",
    "__version__",
    "load",
]

_PLACES = {  # of what is imported on first use
    "EMOTIONS": "bibier.labels",
    "BibierError": "bibier.errors",
    "CorpusError": "bibier.errors",
    "InputError": "bibier.errors",
    "Prediction": "bibier.inference.predictor",
    "Predictor": "bibier.inference.predictor",
    "Transcript": "bibier.transcript",
    "Word": "bibier.transcript",
}


def load(
    name: str | Path = "compact",
    *,
    device: str | None = None,
    recogniser: str | Callable[[np.ndarray], Transcript] | None = None,
    profile: str | None = None,
) -> Predictor:
    """Load a checkpoint and what recognises words beside it.

    Parameters
    ----------
    name
        A name in checkpoints/ ("compact" is embedded), a folder, or a repository of the Hub, "user/name[@revision]",
        which is fetched when it is not here.
    device
        "cpu", "cuda" or "cuda:1"; None takes the GPU when there is one.
    recogniser
        "whisper-base", "pocketsphinx" and the like, "none" for words that are always given, or anything that takes
        (n,) float32 samples at 16 kHz and returns a `Transcript`. None takes the best one that needs no download.
    profile
        "exact", or "fast": large encoders and Whisper compute in bfloat16, and Whisper's window is cut to the sound.
        None takes $BIBIER_PROFILE, else "exact".

    Returns
    -------
    Predictor
        Called with a recording (a path, or samples with their rate in Hz) and, if they are known, its words.

    Raises
    ------
    InputError
        No such checkpoint, recogniser or profile, or one that is damaged; the sentence says what to do.
    """
    import torch

    from bibier.asr import recognisers
    from bibier.checkpoint import bundle
    from bibier.inference.predictor import Predictor
    from bibier.process import choose_profile

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    profile = choose_profile(profile)
    if recogniser is None or isinstance(recogniser, str):
        recogniser = recognisers.recogniser(recogniser, profile=profile)
    return Predictor(bundle.load(name, device, profile=profile), recogniser)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'bibier' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
