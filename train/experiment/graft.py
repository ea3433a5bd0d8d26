"""A checkpoint's words branch fitted anew by a recipe's `[text]`; its voice branch stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle, Calibration
from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from bibier.models.fusion import FusionConfig
from bibier.models.text_encoder import TextEncoder
from train.experiment import encoders, fusion
from train.experiment.fit import card, training_data
from train.experiment.recipe import Recipe
from train.experiment.sources import text_source
from train.experiment.votes import prior_shares


def fit_words(
    recipe: Recipe, path: Path, folder: Path, base: str | Path, out: Path, report: Callable[[str], None]
) -> Bundle:
    """Fit the text encoder on all training rows, and save the checkpoint `base` with it in the place of its own.

    The voice is what it was. The two are joined by the pool of `[fusion.model]`, as the product of both branches.

    Parameters
    ----------
    recipe, path, folder, report
        As of `fit_bundle`.
    base
        Folder of a checkpoint, or a name under checkpoints/, whose audio encoder is that of the recipe.
    out
        Folder of the checkpoint to write; may be that of `base`.

    Raises
    ------
    CorpusError
        The recipe's text encoder isn't fitted by adagrad or has no temperature, its fusion is no pool, or its voice is
        not that of `base`; or what `fit_bundle` raises.
    """
    old = bundle.load(base)
    model = recipe.fusion.config(1, 1)
    if not (isinstance(model, FusionConfig) and model.kind == "pool"):
        raise CorpusError('the words alone are fitted only beside a pool: set fusion.model.kind = "pool"')
    if recipe.text.temperature is None:
        raise CorpusError("the words' temperature is fitted on folds: set text.temperature, or fit the whole recipe")
    voice = old.audio_encoder
    if (
        voice is None
        or old.config.audio_encoder != recipe.audio.encoder
        or old.config.audio_features != recipe.audio.features
    ):
        raise CorpusError(f"the voice of {base} is another than the recipe's: fit the whole recipe")
    words = text_source(recipe, folder, report)
    encoder = encoders.fit_text(recipe, words, words.all_but(), recipe.seed, report)
    if not isinstance(encoder, TextEncoder):
        raise CorpusError('the words alone are fitted by their votes: set text.fit.kind = "adagrad"')
    prior = prior_shares(encoder, recipe.text.temperature)
    pool = build("fusion", recipe.fusion.config(voice.dim_out, encoder.dim_out))
    fusion.as_product(pool, prior, recipe.fusion.voice_weight)
    old_data, data = old.config.data, training_data(words)
    counts = old_data.get("rows", {}) | data["rows"]
    config = dataclasses.replace(
        old.config,
        name=recipe.name,
        text_features=recipe.text.features,
        text_encoder=encoder.config,
        fusion=pool.config,
        calibration=Calibration(
            old.config.calibration.audio, recipe.text.temperature, recipe.fusion.temperature or 1.0
        ),
        text_prior=tuple(np.asarray(prior).tolist()),
        recipe=dataclasses.asdict(recipe),
        data=data
        | {"rows": dict(sorted(counts.items())), "voice": old_data.get("voice") or old_data.get("sha256", "")},
    )
    made = Bundle(config)
    kept = {"audio_encoder": voice, "text_encoder": encoder, "fusion": pool}
    for part, module in (kept | ({"ood_score": old.ood_score} if old.ood_score else {})).items():
        made.get_submodule(part).load_state_dict(module.state_dict())
    clips = sum(counts.get(name, 0) for name in recipe.audio.corpora)
    bundle.save(made, out, card(path, recipe, made, clips=clips, texts=len(words.items)))
    report(f"written to {out}")
    return made.eval()
