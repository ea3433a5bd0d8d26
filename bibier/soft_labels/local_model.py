"""A causal language model of transformers on this machine: labels scored as continuations, or an answer written.

L labels, P tokens of the prompt, K tokens of the longest label, V tokens of the vocabulary.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch

from bibier.errors import InputError
from bibier.features.pretrained import CODE, DTYPES, find
from bibier.hub import COMMIT
from bibier.i18n.messages import Message
from bibier.parsing import read_json
from bibier.process import complete_torch, require

if TYPE_CHECKING:  # late: seconds
    from transformers import PreTrainedModel

# The eight of the paper's Table 3; any other causal model is given by its repository.
PAPER = (
    "tiiuae/Falcon3-3B-Instruct",
    "microsoft/Phi-4-mini-instruct",
    "google/gemma-3-4b-it",
    "Qwen/Qwen3-4B",
    "tiiuae/Falcon-H1-3B-Instruct",
    "google/gemma-3n-E2B-it",
    "HuggingFaceTB/SmolLM3-3B",
    "Qwen/Qwen3-4B-Instruct-2507",
)
MODELS = {name.split("/")[1].lower(): name for name in PAPER} | {"phi-4-mini": "microsoft/Phi-4-mini-instruct"}
MEGABYTES = 8_000  # about, of most
POSITIONS = 2048  # tokens of a prompt; what is longer loses its middle


class Local:
    """A frozen causal model, loaded at its first use; calls from several threads take turns.

    Parameters
    ----------
    model
        A name of `MODELS` in any case, a repository of the Hub with its commit as `revision`, or a local folder.
    allow_download
        Whether what is not on this machine may be fetched; `report` is told what, how large and where to.

    Raises
    ------
    InputError
        At the first use: the weights are missing, broken, or hold no causal model.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str = "",
        device: str = "cpu",
        dtype: str = "bfloat16",
        allow_download: bool = False,
        cache: Path | None = None,
        report: Callable[[Message], None] | None = None,
    ):
        self.model = MODELS.get(model.lower(), model)
        self.revision, self.device, self.dtype = revision, device, dtype
        self.token_usage = [0, 0]
        self._where = {"allow_download": allow_download, "cache": cache, "report": report}
        self._lock = threading.RLock()
        self._opened: tuple[Any, Any] | None = None

    @property
    def name(self) -> str:
        """What the answers of this engine are kept under; of a folder also what tells its versions apart."""
        folder = Path(self.model).expanduser()
        if not folder.is_dir() or COMMIT.fullmatch(self.revision):
            return f"local {self.dtype}"
        marks = sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in folder.iterdir() if f.suffix != CODE)
        return f"local {self.dtype} {marks}"

    def load(self) -> tuple[Any, Any]:
        """Return (model, tokenizer), brought into memory once. Raises InputError.

        Both are `Any`: transformers declares less than its tokenizers take and give, and no `generate` of a model.
        """
        with self._lock:
            if self._opened is None:
                try:
                    folder = find(self.model, self.revision, megabytes=MEGABYTES, **self._where)
                except InputError as error:
                    if error.message.key != "weights-missing":
                        raise
                    raise InputError("llm-weights-missing", **error.message.values) from error
                self._opened = self._open(folder)
            return self._opened

    def _open(self, folder: Path) -> tuple[Any, Any]:
        require("transformers", extra="encoders")
        complete_torch()
        import transformers

        try:
            read_json((folder / "config.json").read_text(encoding="utf-8"))
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            opened: Any = transformers.AutoModelForCausalLM.from_pretrained(  # a pair, with output_loading_info
                folder,
                dtype=DTYPES[self.dtype],
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            model, report = opened
        except (safetensors.SafetensorError, RuntimeError, OSError, ValueError, KeyError) as error:
            detail = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise InputError("weights-broken", file=str(folder), detail=detail) from error
        if missing := sorted(report["missing_keys"]):
            raise InputError("weights-lack", folder=str(folder), tensor=missing[0], count=len(missing))
        return model.requires_grad_(False).eval().to(self.device), tokenizer

    def _prompt(self, tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
        if tokenizer.chat_template:
            text = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
        ids = tokenizer(text, add_special_tokens=not tokenizer.chat_template)["input_ids"]
        half = POSITIONS // 2
        return ids if len(ids) <= POSITIONS else ids[:half] + ids[-half:]

    @torch.inference_mode()
    def score(
        self, messages: Sequence[Mapping[str, str]], labels: Sequence[str], *, length_normalised: bool
    ) -> list[float]:
        """Return log p(label | messages) of each label in nats, in one batch.

        With `length_normalised`, each is divided by its number of tokens. Raises InputError when the model gives values
        that are no numbers.
        """
        with self._lock:
            model, tokenizer = self.load()
            prompt = self._prompt(tokenizer, messages)
            endings = [tokenizer(label, add_special_tokens=False)["input_ids"] for label in labels]
            longest = max(map(len, endings))
            # Padding on the right of a causal model is never looked at; it only needs some token.
            ids = torch.tensor([prompt + end + [0] * (longest - len(end)) for end in endings])  # (L, P + K)
            mask = torch.tensor([[1] * (len(prompt) + len(end)) + [0] * (longest - len(end)) for end in endings])
            keep = {"logits_to_keep": longest + 1} if "logits_to_keep" in _parameters(model) else {}
            logits = model(input_ids=ids.to(self.device), attention_mask=mask.to(self.device), **keep).logits
            steps = logits[:, -longest - 1 : -1].double().log_softmax(-1).cpu()  # (L, K, V)
            self.token_usage[0] += ids.numel()
        scores = []
        for row, end in zip(steps, endings, strict=True):
            total = sum(row[step, token].item() for step, token in enumerate(end))
            scores.append(total / len(end) if length_normalised else total)
        if any(value != value for value in scores):
            raise InputError("llm-not-finite", model=self.model, dtype=self.dtype)
        return scores

    @torch.inference_mode()
    def generate(self, messages: Sequence[Mapping[str, str]], *, limit: int) -> str:
        """Return the model's answer, greedily, at most `limit` tokens. Raises InputError."""
        with self._lock:
            model, tokenizer = self.load()
            prompt = torch.tensor([self._prompt(tokenizer, messages)], device=self.device)
            pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
            answer = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=limit,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=pad,
            )[0, prompt.shape[1] :]
            self.token_usage[0] += prompt.shape[1]
            self.token_usage[1] += len(answer)
            return tokenizer.decode(answer, skip_special_tokens=True)


def _parameters(model: PreTrainedModel) -> set[str]:
    return set(inspect.signature(model.forward).parameters)
