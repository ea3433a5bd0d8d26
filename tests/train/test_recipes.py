"""The recipes of the papers' systems: each is whole, builds, and has the parameters of its table."""

import dataclasses
from pathlib import Path

import pytest

from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from train.experiment import recipe

RECIPES = Path(__file__).resolve().parents[2] / "train" / "recipes"

# Parameters of the published tables (5, 7 and 9; MemoCMT), and how many fewer or more are here, with the reason.
PUBLISHED = {
    ("bibier", "text_encoder"): (3_275_783, 1024),  # the standard scan: a bias of Δ in each of two blocks
    ("bibier", "fusion"): (4_403_463, -2_560),  # no bias of the keys, which softmax cancels
    ("bibier-audio-lstm", "audio_encoder"): (1_578_759, 0),
    ("bibier-audio-transformer", "audio_encoder"): (528_647, 0),
    ("bibier-text-lstm", "text_encoder"): (12_606_471, 0),
    ("bibier-text-transformer", "text_encoder"): (1_579_527, 0),
    ("bibier-wpf", "fusion"): (14, 0),
    ("bibier-bigraphformer", "fusion"): (5_818_516, -2_560 - 75_614),  # nor the layers that are never read
    ("bibier-bigatedgraphformer", "fusion"): (6_367_542, -2_560 - 75_614),
    ("bibier-bimamba", "fusion"): (4_889_607, 2_048),  # the standard scan, four blocks
    ("memocmt", "fusion"): (6_007_940, 3 * 129),  # seven classes, not four
}


def parts(name):
    chosen = recipe.load(RECIPES / f"{name}.toml")
    configs = {"audio": chosen.audio.encoder, "text": chosen.text.encoder}
    if getattr(configs["text"], "buckets", 0) == recipe.ALL_IDS:  # the fit finds the vocabulary
        configs["text"] = dataclasses.replace(configs["text"], vocabulary=8)
    modules = {f"{part}_encoder": build(f"{part}_encoder", config) for part, config in configs.items()}
    widths = modules["audio_encoder"].dim_out, modules["text_encoder"].dim_out
    return chosen, modules | {"fusion": build("fusion", chosen.fusion.config(*widths))}


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_every_recipe_is_read_and_built(name):
    chosen, modules = parts(name)
    assert chosen.name == name
    for part in ("audio", "text"):
        extractor = build(f"{part}_features", getattr(chosen, part).features)
        inputs = getattr(getattr(chosen, part).encoder, "inputs", None)
        assert inputs in (None, extractor.dim)
    for (system, part), (published, more) in PUBLISHED.items():
        if system == name:
            assert sum(p.numel() for p in modules[part].parameters()) == published + more


def test_every_published_count_belongs_to_a_recipe():
    assert {system for system, _ in PUBLISHED} <= {path.stem for path in RECIPES.glob("*.toml")}


def test_a_recipe_may_change_another(tmp_path):
    (tmp_path / "mine.toml").write_text((RECIPES / "compact.toml").read_text())
    (tmp_path / "other.toml").write_text('base = "mine.toml"\nname = "other"\n[audio.fit]\nepochs = 7\n')
    mine, theirs = recipe.load(tmp_path / "mine.toml"), recipe.load(tmp_path / "other.toml")
    fit = dataclasses.replace(mine.audio.fit, epochs=7)
    assert theirs == dataclasses.replace(mine, name="other", audio=dataclasses.replace(mine.audio, fit=fit))


def test_another_kind_takes_the_place_of_a_table_unless_its_fields_are_the_same():
    fitted, lpgnet = "fusion.fitted = true", 'fusion.model = {kind = "lpgnet", hidden = 16, heads = 2}'
    changed = recipe.load(RECIPES / "compact.toml", [fitted, lpgnet])
    assert changed.fusion.config(4, 5).kind == "lpgnet"
    graph = recipe.load(RECIPES / "compact.toml", [fitted, 'fusion.model.kind = "bigraphformer"'])
    assert graph.fusion.config(4, 5).hidden == recipe.load(RECIPES / "compact.toml").fusion.config(4, 5).hidden


@pytest.mark.parametrize("base", ['"mine.toml"', '"nowhere.toml"', "3"])
def test_a_base_that_leads_nowhere_is_named(tmp_path, base):
    (tmp_path / "mine.toml").write_text(f"base = {base}\n")
    with pytest.raises(CorpusError, match="mine.toml|nowhere.toml"):
        recipe.load(tmp_path / "mine.toml")
