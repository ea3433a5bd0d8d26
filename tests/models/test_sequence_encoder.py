"""The encoder of vector features: the rows of the papers' Tables 5 and 7, the oracles, the published text encoder."""

import pytest
import torch
from tiny import shaken
from torch.testing import assert_close

from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig

# row → settings, parameters. All read 1024 features: wav2vec2-large for audio, Jina v3 for text.
ROWS = {
    "audio-lstm": (dict(temporal="lstm", hidden=128, layers=2, dropout=0.2, pooling="last"), 1_578_759),
    "audio-transformer": (dict(dim=128, temporal="transformer", hidden=512, layers=2, heads=4, dropout=0.4), 528_647),
    "audio-released": (dict(dim=256, temporal="position-wise", layers=2, bidirectional=False), 791_559),
    "text-lstm": (dict(temporal="lstm", hidden=512, layers=2, pooling="last"), 12_606_471),
    "text-transformer": (
        dict(dim=256, temporal="transformer", hidden=256, layers=3, heads=8, positions="learned"),
        1_579_527,
    ),
    "text-mamba-published": (
        dict(temporal="mamba-published", hidden=512, layers=2, bidirectional=False, dropout=0.0, pooling="mean-of-95"),
        3_275_783,
    ),
    "text-mamba": (dict(temporal="mamba", hidden=512, layers=2, bidirectional=False), 3_276_807),
    # Counts of the xLSTM paper's layout, added up by hand. The published tables say 1.18 M, of which no layout is
    # known, and 8,147,131, that of the package torchxlstm.
    "audio-xlstm": (dict(dim=128, temporal="xlstm", heads=1, cells="smm", bidirectional=False), 536_203),
    "text-xlstm": (dict(temporal="xlstm", heads=1, hidden=256, cells="sm", bidirectional=False), 4_217_353),
}
LENGTHS = (9, 3, 12)
TINY = {
    "lstm-last": dict(hidden=3, layers=2, pooling="last"),
    "lstm-one-way-last": dict(hidden=3, pooling="last", bidirectional=False),
    "lstm-attentive": dict(hidden=3, pooling="attentive"),
    "transformer": dict(temporal="transformer", dim=6, heads=2, layers=2),
    "transformer-learned-pre": dict(temporal="transformer", heads=2, positions="learned", norm="pre", limit=5),
    "xlstm": dict(temporal="xlstm", dim=4, heads=2, cells="smm"),
    "xlstm-last": dict(temporal="xlstm", heads=2, bidirectional=False, pooling="last"),
    "mamba-last": dict(temporal="mamba", bidirectional=False, pooling="last"),
    "released": dict(temporal="position-wise", dim=6, layers=2),
    "mamba-published": dict(temporal="mamba-published", layers=2, bidirectional=False, pooling="mean-of-10"),
    "none": dict(temporal="none", dim=6),
}
every_tiny = pytest.mark.parametrize("name", TINY)


def tiny(name):
    torch.manual_seed(3)
    settings = dict(inputs=8, dropout=0.0) | TINY[name]
    return shaken(SequenceEncoder(SequenceEncoderConfig(**settings))).eval()


def padded(clips, extra=0, filler=7.0):
    longest = max(map(len, clips)) + extra
    x = torch.full((len(clips), longest, 8), filler)
    mask = torch.arange(longest) < torch.tensor([len(clip) for clip in clips])[:, None]
    for row, clip in zip(x, clips, strict=True):
        row[: len(clip)] = clip
    return x, mask


@pytest.fixture
def clips():
    torch.manual_seed(4)
    return [torch.randn(n, 8) for n in LENGTHS]


@pytest.mark.parametrize("row", ROWS)
def test_parameters_are_as_many_as_the_tables_say(row):
    settings, count = ROWS[row]
    with torch.device("meta"):
        model = SequenceEncoder(SequenceEncoderConfig(**settings))
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@torch.no_grad()
@every_tiny
def test_batch_padding_and_order_change_nothing(name, clips):
    model = tiny(name)

    def run(chosen, **options):
        features, mask = padded(chosen, **options)
        return model(features=features, mask=mask)

    together = run(clips)
    assert together.hidden.shape == (3, 12, model.dim_out) and together.logits.shape == (3, 7)
    assert torch.all(together.hidden[~together.mask] == 0) and torch.all(together.attention[~together.mask] == 0)
    assert_close(together.attention.sum(1), torch.ones(3))
    for i, clip in enumerate(clips):
        alone = run([clip])
        assert_close(together.logits[i], alone.logits[0], rtol=1e-4, atol=1e-5)
        assert_close(together.hidden[i, : len(clip)], alone.hidden[0], rtol=1e-4, atol=1e-5)
    assert_close(run(clips, extra=4, filler=float("nan")).logits, together.logits, rtol=1e-4, atol=1e-5)
    assert_close(run(clips[::-1]).logits.flip(0), together.logits, rtol=1e-4, atol=1e-5)
    nothing = model(features=torch.randn(2, 5, 8), mask=torch.zeros(2, 5, dtype=torch.bool))
    assert nothing.logits.isfinite().all() and nothing.attention.sum() == 0


@every_tiny
def test_every_parameter_receives_a_gradient(name, clips):
    model = tiny(name).train()
    features, mask = padded(clips)
    model(features=features, mask=mask).logits.square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


@torch.no_grad()
def test_last_is_what_torch_calls_the_final_hidden_state(clips):
    """h_n of a packed nn.LSTM, top layer, forward and backward side by side."""
    model = tiny("lstm-last")
    peer = torch.nn.LSTM(8, 3, num_layers=2, bidirectional=True, batch_first=True)
    for layer in range(2):
        for direction, suffix in ((model.temporal.ahead, ""), (model.temporal.back, "_reverse")):
            for name, parameter in direction[layer].named_parameters():
                getattr(peer, name.replace("l0", f"l{layer}{suffix}")).copy_(parameter)
    features, mask = padded(clips)
    lengths = mask.sum(1)
    packed = torch.nn.utils.rnn.pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    _, (h_n, _) = peer(packed)
    encoded = model(features=features, mask=mask)
    assert_close(encoded.logits, model.head(torch.cat((h_n[-2], h_n[-1]), dim=1)))
    assert encoded.attention[0, 0] == encoded.attention[0, LENGTHS[0] - 1] == 0.5


@torch.no_grad()
def test_the_published_mean_shrinks_with_the_text_and_stops_at_its_length():
    model = tiny("mamba-published")  # mean-of-10
    torch.nn.init.zeros_(model.head.bias)
    x = torch.randn(1, 25, 8)

    def logits(n):
        return model(features=x, mask=torch.arange(25)[None] < n).logits

    encoded = model(features=x, mask=torch.ones(1, 25, dtype=torch.bool))
    assert_close(logits(5), model.head(encoded.hidden[:, :5].sum(1) / 10))
    assert_close(logits(25), logits(10))
    assert encoded.attention[0, 10:].sum() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(pooling="max"), "'max'; choose one of mean, last"),
        (dict(pooling="mean-of-0"), "'mean-of-0'"),
        (dict(pooling="mean-of-N"), "a whole number"),
        (dict(temporal="mamba", pooling="last"), "bidirectional = false"),
        (dict(temporal="transformer", bidirectional=False, pooling="last"), "another pooling"),
        (dict(temporal="gru"), "'gru'"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings, message):
    with pytest.raises(ValueError, match=message):
        SequenceEncoder(SequenceEncoderConfig(inputs=8, **settings))
