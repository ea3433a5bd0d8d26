"""Fit everything a recipe says and write the checkpoint that the app loads."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle, BundleConfig, Calibration
from train.experiment import encoders as fitting
from train.experiment import fusion as pairs
from train.experiment import warm_start
from train.experiment.recipe import Recipe
from train.experiment.sources import Source, audio_source, text_prior, text_source
from train.loop.distributed import only_first
from train.metrics import uar

CARD = Path(__file__).parents[1] / "recipes" / "card.md"  # for a recipe that has no card of its own


def make(recipe: Recipe, path: Path, folder: Path, out: Path, report: Callable[[str], None]) -> Bundle:
    """Fit both encoders on all training rows, the fusion on out-of-fold reads, and save the bundle with its card.

    The card is the Markdown file beside the recipe, or a general one, with the figures of this fit filled in.
    """
    sound, words = audio_source(recipe, folder, report), text_source(recipe, folder, report)
    report(f"{len(sound.items)} clips, {len(words.items)} texts")
    own = None if recipe.fusion.pairs else pairs.own_pairs(sound, words)
    audio_encoder, audio_read = fitting.read_audio(recipe, sound, recipe.seed, report=report)
    report("audio encoders fitted")
    text_encoder, text_read = fitting.read_text(recipe, words, recipe.seed, report=report)
    report("text encoders fitted")
    if recipe.start:
        kept = warm_start.bundle(recipe.start).config
        t, prior = pairs.Temperatures(kept.calibration.audio, kept.calibration.text), np.array(kept.text_prior)
    else:
        t, prior = pairs.temperatures(audio_read, text_read, own), text_prior(recipe, words)
    dev = pairs.dev_reads(sound, words, audio_encoder, text_encoder) if own else {}
    options = {"own": own, "soft": words.targets if recipe.fusion.soft else None}
    fusion = pairs.fit_fusion(recipe, audio_read, text_read, t, prior, recipe.seed, dev=dev, report=report, **options)
    if recipe.start:
        heat = kept.calibration.bimodal
    else:
        heat = pairs.bimodal_temperature(recipe, audio_read, text_read, sound.folds, t, prior, recipe.seed, **options)
    config = BundleConfig(
        name=recipe.name,
        audio_features=recipe.audio.features,
        audio_encoder=recipe.audio.encoder,
        text_features=recipe.text.features,
        text_encoder=recipe.text.encoder,
        fusion=fusion.config,
        calibration=Calibration(t.audio, t.text, heat),
        text_prior=tuple(prior.tolist()),
        recipe=dataclasses.asdict(recipe),
        data=_data(sound, words),
        metrics={
            "audio, actors left out in turn": {"UAR": uar(audio_read.labels, audio_read.logits.argmax(1).numpy())}
        },
    )
    made = Bundle(config)
    made.audio_encoder.load_state_dict(audio_encoder.state_dict())
    made.text_encoder.load_state_dict(text_encoder.state_dict())
    made.fusion.load_state_dict(fusion.state_dict())
    card = path.with_suffix(".md")
    card = (card if card.is_file() else CARD).read_text(encoding="utf-8")
    values = {
        "name": recipe.name,
        "audio_kind": recipe.audio.features.kind,
        "text_kind": recipe.text.features.kind,
        "fusion_kind": fusion.config.kind,
        "rows": ", ".join(f"{corpus} {count}" for corpus, count in config.data["rows"].items()),
        "audio_parameters": f"{parameters(made.audio_encoder):,}",
        "text_parameters": f"{parameters(made.text_encoder):,}",
        "fusion_parameters": f"{parameters(made.fusion):,}",
        "temperatures": f"{t.audio:.2f} (voice), {t.text:.2f} (words), {heat:.2f} (both)",
        "clips": len(sound.items),
        "texts": len(words.items),
        "data_hash": config.data["sha256"],
    }
    only_first(lambda: bundle.save(made, out, card.format_map(values)))
    report(f"written to {out}")
    return made.eval()


def _data(sound: Source, words: Source) -> dict:
    """Describe the training set: counts by corpus and a SHA-256 over every row's features and target."""
    digest = hashlib.sha256()
    for source in (sound, words):
        for item, raw, target in zip(source.items, source.raw, source.targets, strict=True):
            digest.update(item.id.encode())
            digest.update(np.ascontiguousarray(raw).tobytes())
            digest.update(np.ascontiguousarray(target).tobytes())
    counts = Counter(item.corpus for source in (sound, words) for item in source.items)
    return {"rows": dict(sorted(counts.items())), "split": "train", "sha256": digest.hexdigest()}


def parameters(model: torch.nn.Module) -> int:
    """Count the parameters of a model."""
    return sum(p.numel() for p in model.parameters())
