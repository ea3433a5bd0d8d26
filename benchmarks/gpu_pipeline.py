"""The paper's whole pipeline with random weights, for `benchmarks.gpu`: sound → words → features → encoders → fusion.

B batch, T frames or tokens, D features, n samples. Whisper base writes the words, wav2vec2-large with 12 layers hears
the voice, Jina-v3 reads the words, two Mamba encoders and a BiFormer judge, all of the sizes of the paper's recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.audio.format import SAMPLE_RATE
from bibier.models.fusion import FusionConfig, build_fusion
from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig

TOKENS_PER_SECOND = 4  # of speech: about three words
BASE = {"n_audio_ctx": 1500, "n_audio_state": 512, "n_audio_head": 8, "n_audio_layer": 6}
BASE |= {"n_text_ctx": 448, "n_text_state": 512, "n_text_head": 8, "n_text_layer": 6}
VOCABULARY = 51865  # of the multilingual Whisper


@dataclass(frozen=True)
class Sizes:
    """Widths and layers of the pipeline: those of the paper, or tiny ones that show whether it runs at all."""

    whisper: dict[str, int]
    width: int  # D of both feature extractors
    layers: tuple[int, int]  # of wav2vec2 and of Jina
    vocabulary: int  # of Jina
    audio: dict
    text: dict
    fusion: dict

    @property
    def heads(self) -> int:
        """Heads of both feature extractors, 64 wide."""
        return max(1, self.width // 64)


PAPER = Sizes(
    whisper=BASE,
    width=1024,
    layers=(12, 24),
    vocabulary=250002,
    audio={"dim": 256, "temporal": "mamba", "hidden": 256, "layers": 2, "bidirectional": False},
    text={"temporal": "mamba", "hidden": 512, "layers": 2, "bidirectional": False},
    fusion={"kind": "biformer", "hidden": 256, "length": 95, "layers": 5, "heads": 8, "out": 256, "pool": False},
)
TINY = Sizes(
    whisper=BASE | {"n_audio_state": 16, "n_audio_head": 1, "n_audio_layer": 1}
    | {"n_text_state": 16, "n_text_head": 1, "n_text_layer": 1},
    width=64,
    layers=(1, 1),
    vocabulary=200,
    audio={"dim": 8, "temporal": "mamba", "hidden": 8, "state": 2, "bidirectional": False},
    text={"temporal": "mamba", "hidden": 8, "state": 2, "bidirectional": False},
    fusion={"kind": "biformer", "hidden": 8, "length": 5, "heads": 2, "out": 8, "pool": False},
)  # fmt: skip


class Pipeline:
    """Every stage on one device; each is a function of a batch of sounds (B, n) and gives what it is measured by.

    With `half`, Whisper runs in float16 on a GPU, both feature extractors hold their weights in bfloat16, and the rest
    is under autocast to it; the scan stays in float32.
    """

    def __init__(self, sizes: Sizes, device: torch.device, *, half: bool):
        from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model, Wav2Vec2Config, Wav2Vec2Model
        from whisper.model import ModelDimensions, Whisper

        torch.manual_seed(0)
        self.sizes, self.device, self.half = sizes, device, half
        wide = {"hidden_size": sizes.width, "num_attention_heads": sizes.heads, "intermediate_size": 4 * sizes.width}
        voice = Wav2Vec2Config(
            **wide,
            num_hidden_layers=sizes.layers[0],
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
            conv_bias=True,
            apply_spec_augment=False,
        )
        words = JinaEmbeddingsV3Config(**wide, num_hidden_layers=sizes.layers[1], vocab_size=sizes.vocabulary)
        encoders = {"audio": sizes.audio, "text": sizes.text}
        self.parts = nn.ModuleDict(
            {
                "whisper": Whisper(ModelDimensions(n_mels=80, n_vocab=VOCABULARY, **sizes.whisper)),
                "wav2vec2": Wav2Vec2Model(voice),
                "jina": JinaEmbeddingsV3Model(words),
                **{k: SequenceEncoder(SequenceEncoderConfig(inputs=sizes.width, **v)) for k, v in encoders.items()},
            }
        )
        widths = {f"{name}_dim": self.parts[name].temporal.dim_out for name in encoders}
        self.parts["fusion"] = build_fusion(FusionConfig(**widths, **sizes.fusion))
        nn.init.normal_(
            self.parts["whisper"].decoder.positional_embedding, std=0.02
        )  # which Whisper leaves as it finds it
        self.parts.to(device).eval()
        self.dtype = torch.bfloat16 if half else torch.float32  # of both feature extractors
        for name in ("wav2vec2", "jina"):
            self.parts[name].to(self.dtype)

    def stages(self, sounds: Tensor) -> dict[str, Callable[[], object]]:
        """Return the stages by name, in their order, for sounds (B, n) on the device; each uses what those before left.

        The transcript's length is that of speech as long as the sound, whatever the random Whisper writes.
        """
        import whisper

        tokens = max(1, TOKENS_PER_SECOND * sounds.shape[1] // SAMPLE_RATE)
        ids = torch.arange(tokens, device=self.device).remainder(self.sizes.vocabulary - 10).add(5)
        ids = ids.expand(len(sounds), -1).contiguous()  # (B, T)
        options = whisper.DecodingOptions(
            language="en", sample_len=tokens, suppress_tokens=None, without_timestamps=True, fp16=self._halves()
        )
        left: dict[str, Tensor] = {}

        def recognise() -> None:
            mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(sounds))  # (B, 80, 3000): its window is 30 s
            whisper.decode(self.parts["whisper"], mel, options)

        def hear() -> None:
            left["voice"] = self.parts["wav2vec2"](sounds.to(self.dtype)).last_hidden_state  # (B, T, D)

        def read() -> None:
            left["words"] = self.parts["jina"](ids).last_hidden_state  # (B, T, D)

        def judge() -> None:
            states, masks = {}, {}
            for name, features in (("audio", left["voice"]), ("text", left["words"])):
                masks[name] = torch.ones(features.shape[:2], dtype=torch.bool, device=self.device)
                states[name] = self.parts[name](features=features.float(), mask=masks[name]).hidden
            logits = self.parts["fusion"](
                audio=states["audio"], audio_mask=masks["audio"], text=states["text"], text_mask=masks["text"]
            ).logits
            left["probabilities"] = logits.float().softmax(-1)

        def whole() -> Tensor:
            for stage in (recognise, hear, read, judge):
                self._run(stage)
            return left["probabilities"]  # (B, 7)

        stages = {"Whisper": recognise, "wav2vec2": hear, "Jina": read, "encoders and fusion": judge}
        return {name: lambda stage=stage: self._run(stage) for name, stage in stages.items()} | {"all": whole}

    def _halves(self) -> bool:
        return self.half and self.device.type == "cuda"

    @torch.inference_mode()
    def _run(self, stage: Callable[[], None]) -> None:
        # Weights that are float32 are cast anew in every autocast: for small parts only.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half and stage.__name__ == "judge"):
            stage()
