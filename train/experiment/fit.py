"""Fit everything a recipe says and write the checkpoint that the app loads."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle, BundleConfig, Calibration
from bibier.models import ssm
from train.experiment import encoders, fusion, ood, warm_start
from train.experiment.recipe import AnyFusionConfig, Recipe
from train.experiment.sources import TrainingRows, audio_source, text_source
from train.loop.distributed import on_main_process
from train.metrics import uar

CARD = Path(__file__).parents[1] / "recipes" / "card.md"  # for a recipe that has no card of its own


def fit_bundle(recipe: Recipe, path: Path, folder: Path, out: Path, report: Callable[[str], None]) -> Bundle:
    """Fit both encoders on all training rows, the fusion on out-of-fold reads, and save the bundle with its card.

    A fusion that the recipe leaves unfitted needs no such reads: then each encoder is fitted once.

    Parameters
    ----------
    recipe, path
        The recipe, and its file: the card is the Markdown file beside it, or a general one, filled in with this fit.
    folder
        The data folder, which holds the corpora.
    out
        Folder of the checkpoint to write.
    report
        Takes a line; a `FitProgress` also the single batches.

    Raises
    ------
    CorpusError
        A corpus can't be read, or the recipe's parts don't go together.
    FloatingPointError
        A loss is no longer a finite number.
    InputError
        A feature can't be extracted, or the checkpoint can't be written.
    """
    sound, words = audio_source(recipe, folder, report), text_source(recipe, folder, report)
    report(f"{len(sound.items)} clips, {len(words.items)} texts")
    if scans(recipe):
        report(f"selective scan: {ssm.kernel()}")
    parts = (_by_folds if recipe.fusion.fitted else _without_folds)(recipe, sound, words, report)
    config = BundleConfig(
        name=recipe.name,
        audio_features=recipe.audio.features,
        audio_encoder=recipe.audio.encoder,
        text_features=recipe.text.features,
        text_encoder=getattr(parts.text_encoder, "config", recipe.text.encoder),  # with the size of its vocabulary
        fusion=cast(AnyFusionConfig, parts.fusion.config),
        calibration=parts.calibration,
        text_prior=tuple(parts.prior.tolist()),
        recipe=dataclasses.asdict(recipe),
        data=training_data(sound, words),
        metrics=parts.metrics,
    )
    model = Bundle(config)
    for part in ("audio_encoder", "text_encoder", "fusion"):
        module = getattr(parts, part)
        model.get_submodule(part).load_state_dict(module.state_dict())
    model = ood.with_score(model, sound.items, recipe.seed, report)
    text = card(path, recipe, model, clips=len(sound.items), texts=len(words.items))
    on_main_process(lambda: bundle.save(model, out, text))
    report(f"written to {out}")
    return model.eval()


@dataclasses.dataclass(frozen=True)
class _Fitted:
    """What a bundle is made of."""

    audio_encoder: torch.nn.Module
    text_encoder: torch.nn.Module
    fusion: torch.nn.Module
    calibration: Calibration
    prior: np.ndarray  # (7,)
    metrics: dict[str, dict[str, float]]


def _without_folds(recipe: Recipe, sound: TrainingRows, words: TrainingRows, report: Callable[[str], None]) -> _Fitted:
    """Fit each encoder once; temperatures and pool are the recipe's, or those of the checkpoint it goes on from."""
    audio_encoder = encoders.fit_audio(recipe, sound, sound.all_but(), recipe.seed, report)
    report("audio encoder fitted")
    text_encoder = encoders.fit_text(recipe, words, words.all_but(), recipe.seed, report)
    report("text encoder fitted")
    donor = warm_start.donor(recipe.start).config if recipe.start else None
    fallback = donor.calibration if donor else Calibration()
    calibration = Calibration(
        recipe.audio.temperature or fallback.audio,
        recipe.text.temperature or fallback.text,
        recipe.fusion.temperature or fallback.bimodal,
    )
    prior = np.array(donor.text_prior) if donor else encoders.words_prior(recipe, words, text_encoder, calibration.text)
    pool = fusion.unfitted(recipe, _width(audio_encoder), _width(text_encoder), prior)
    return _Fitted(audio_encoder, text_encoder, pool, calibration, prior, {})


def _width(encoder: torch.nn.Module) -> int:
    width = encoder.dim_out
    assert isinstance(width, int)
    return width


def _by_folds(recipe: Recipe, sound: TrainingRows, words: TrainingRows, report: Callable[[str], None]) -> _Fitted:
    """Fit both encoders on all rows and without each fold, and the fusion on how they read what they never saw."""
    pairs = None if recipe.fusion.pairs else fusion.utterance_pairs(sound, words)
    audio_encoder, audio_read = encoders.read_audio(recipe, sound, recipe.seed, report=report)
    report("audio encoders fitted")
    text_encoder, text_read = encoders.read_text(recipe, words, recipe.seed, report=report)
    report("text encoders fitted")
    donor = warm_start.donor(recipe.start).config if recipe.start else None
    if donor:
        t, prior = fusion.Temperatures(donor.calibration.audio, donor.calibration.text), np.array(donor.text_prior)
    else:
        t = fusion.temperatures(
            audio_read, text_read, pairs, voice=recipe.audio.temperature, words=recipe.text.temperature
        )
        prior = encoders.words_prior(recipe, words, text_encoder, t.text)
    dev = fusion.dev_reads(sound, words, audio_encoder, text_encoder) if pairs else {}
    soft = words.targets if recipe.fusion.soft else None
    fusion_model = fusion.fit_fusion(
        recipe, audio_read, text_read, t, prior, recipe.seed, pairs=pairs, soft=soft, dev=dev, report=report
    )
    if donor:
        bimodal = donor.calibration.bimodal
    elif recipe.fusion.temperature is not None:
        bimodal = recipe.fusion.temperature
    else:
        bimodal = fusion.bimodal_temperature(
            recipe, audio_read, text_read, sound.folds, t, prior, recipe.seed, pairs=pairs, soft=soft
        )
    unseen = {"UAR": uar(audio_read.labels, audio_read.logits.argmax(1).numpy())}
    return _Fitted(
        audio_encoder,
        text_encoder,
        fusion_model,
        Calibration(t.audio, t.text, bimodal),
        prior,
        {"audio, actors left out in turn": unseen},
    )


def scans(recipe: Recipe) -> bool:
    """Whether any part of a recipe runs the selective scan, whose implementation depends on what is installed."""
    temporal = {getattr(part.encoder, "temporal", "") for part in (recipe.audio, recipe.text)}
    return "mamba" in temporal or recipe.fusion.model.get("kind") == "bimamba"


def card(path: Path, recipe: Recipe, model: Bundle, *, clips: int, texts: int) -> str:
    """Fill in the card beside a recipe's file, or the general one."""
    own, t, data = path.with_suffix(".md"), model.config.calibration, model.config.data
    parts = {part: f"{parameters(model.get_submodule(part)):,}" for part in ("audio_encoder", "text_encoder", "fusion")}
    return (
        (own if own.is_file() else CARD)
        .read_text(encoding="utf-8")
        .format(
            name=recipe.name,
            audio_kind=recipe.audio.features.kind,
            text_kind=recipe.text.features.kind,
            fusion_kind=getattr(model.config.fusion, "kind", ""),
            rows=", ".join(f"{corpus} {count}" for corpus, count in data["rows"].items()),
            counts=Counter(data["rows"]),  # of a corpus that this fit lacks: 0
            audio_parameters=parts["audio_encoder"],
            text_parameters=parts["text_encoder"],
            fusion_parameters=parts["fusion"],
            temperatures=f"{t.audio:.2f} (voice), {t.text:.2f} (words), {t.bimodal:.2f} (both)",
            clips=clips,
            texts=texts,
            data_hash=data["sha256"],
        )
    )


def training_data(*sources: TrainingRows) -> dict:
    """Describe the training set: counts by corpus and a SHA-256 over every row's features and target."""
    digest = hashlib.sha256()
    for source in sources:
        for item, raw, target in zip(source.items, source.raw, source.targets, strict=True):
            digest.update(item.id.encode())
            digest.update(np.ascontiguousarray(raw).tobytes())
            digest.update(np.ascontiguousarray(target).tobytes())
    counts = Counter(item.corpus for source in sources for item in source.items)
    return {"rows": dict(sorted(counts.items())), "split": "train", "sha256": digest.hexdigest()}


def parameters(model: torch.nn.Module) -> int:
    """Count the parameters of a model."""
    return sum(p.numel() for p in model.parameters())
