"""ONNX graphs say what torch says, of any batch and length; what can't be exported is refused and leaves nothing."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from tiny import scored, shaken, tiny_config

from bibier.__main__ import main
from bibier.checkpoint import bundle as checkpoint
from bibier.checkpoint import onnx_export
from bibier.checkpoint.bundle import Bundle
from bibier.errors import InputError
from bibier.models import text_encoder
from bibier.models.text_encoder import TextEncoderConfig

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: the extra `onnx`")
pytest.importorskip("onnx", reason="onnx is not installed: the extra `onnx`")


def answers(file, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    fed = {wanted.name: inputs[wanted.name].numpy() for wanted in session.get_inputs()}
    return dict(zip(outputs, session.run(None, fed), strict=True))


def chained(folder, voice, words) -> dict[str, np.ndarray]:
    """Run the three graphs one after the other, as a program would that has no torch."""
    heard, read = answers(folder / "voice.onnx", voice), answers(folder / "words.onnx", words)
    fed = {
        f"{name}_{what}": torch.from_numpy(outputs[output])
        for name, outputs in (("voice", heard), ("words", read))
        for what, output in (("hidden", "hidden"), ("mask", "hidden_mask"), ("logits", "logits"))
    }
    return answers(folder / "both.onnx", fed) | {"voice": heard["probabilities"], "score": heard.get("ood_score")}


def test_the_embedded_checkpoint_says_the_same_without_torch(tmp_path, capsys):
    assert main(["export-onnx", "compact", "--out", str(tmp_path / "graphs"), "--language", "ru"]) == 0
    assert capsys.readouterr().err.count("отличаются") == 3
    facts = json.loads((tmp_path / "graphs" / "graphs.json").read_text(encoding="utf-8"))
    assert [graph["file"] for graph in facts["graphs"]] == ["voice.onnx", "words.onnx", "both.onnx"]
    assert all(graph["largest_difference"] < 1e-4 for graph in facts["graphs"]) and facts["labels"][0] == "anger"
    model = checkpoint.load("compact")
    voice, words = (onnx_export._features(model, modality, 2, 31) for modality in ("audio", "text"))
    with torch.no_grad():
        heard, read = model.audio_encoder(**voice), model.text_encoder(**words)
        both = torch.softmax(model.fuse(heard, read).logits / model.config.calibration.bimodal, -1)
    found = chained(tmp_path / "graphs", voice, words)
    np.testing.assert_allclose(found["probabilities"], both, atol=1e-5)
    np.testing.assert_allclose(found["score"], model.score_voice(heard), atol=1e-4)


def test_a_scan_reads_every_length(tmp_path):
    """It is not unrolled over the steps of the example."""
    text = TextEncoderConfig(buckets=512, slots=16, dim=8, temporal="mamba", hidden=8)
    torch.manual_seed(0)
    model = shaken(Bundle(tiny_config(text_encoder=text, fusion=None))).eval()
    onnx_export.export(scored(model, 0.5), tmp_path / "graphs")
    words = onnx_export._features(model, "text", 2, 90)
    with torch.no_grad():
        expected = model.text_encoder(**words).logits
    np.testing.assert_allclose(answers(tmp_path / "graphs" / "words.onnx", words)["logits"], expected, atol=1e-4)


def test_what_holds_for_the_example_s_length_alone_is_refused(tmp_path):
    text = TextEncoderConfig(buckets=512, slots=16, dim=8, temporal="transformer", hidden=8)
    silent = dataclasses.replace(tiny_config(text_encoder=text), audio_features=None, audio_encoder=None, fusion=None)
    with pytest.raises(InputError) as refused:
        onnx_export.export(shaken(Bundle(silent)).eval(), tmp_path / "graphs")
    assert refused.value.key in ("onnx-differs", "onnx-not-exportable") and list(tmp_path.iterdir()) == []


def test_what_answers_differently_is_refused_and_leaves_nothing(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "_difference", lambda *given: 0.5)
    with pytest.raises(InputError, match="differently"):
        onnx_export.export(tiny_bundle, tmp_path / "graphs")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_is_left_alone(tiny_bundle, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="empty folder"):
        onnx_export.export(tiny_bundle, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_branch_alone(tiny_bundle, tmp_path):
    silent = Bundle(dataclasses.replace(tiny_bundle.config, audio_features=None, audio_encoder=None, fusion=None))
    onnx_export.export(silent.eval(), tmp_path / "graphs")
    assert sorted(path.name for path in (tmp_path / "graphs").iterdir()) == ["graphs.json", "words.onnx"]


def test_the_search_of_a_graph_is_torch_s():
    generator = torch.Generator().manual_seed(0)
    for count in (1, 2, 3, 64, 1000):
        keys = torch.randint(-50, 50 * count, (count,), generator=generator, dtype=torch.int32).unique()
        wanted = torch.cat((keys, keys + 1, keys - 1))[:, None]
        assert torch.equal(text_encoder._search(keys, wanted), torch.searchsorted(keys, wanted))
