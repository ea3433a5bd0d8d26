"""A tiny causal model with random weights and a byte-level tokenizer, and a server that speaks the OpenAI protocol."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tokenizers
import torch
import transformers

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


def made(folder: Path, *, chat: bool = True) -> Path:
    """Save the model; the same at every call."""
    special = ["<|end|>", "<|im_start|>", "<|im_end|>"]
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*special, *letters])}
    raw = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", pad_token="<|end|>", additional_special_tokens=special[1:]
    )
    if chat:
        fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=4096,
        initializer_range=0.5,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=0,
    )
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def reply(text: str, tops: dict[str, float] | None = None) -> tuple[int, dict, bytes]:
    """What a server of the protocol answers: status, headers, body."""
    choice = {"message": {"role": "assistant", "content": text}}
    if tops is not None:
        choice["logprobs"] = {"content": [{"top_logprobs": [{"token": t, "logprob": v} for t, v in tops.items()]}]}
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()


@contextmanager
def served(*replies):
    """Serve the replies one after the other, the last for ever; yields the address and the list of what was asked.

    A reply is (status, headers, body), or None: say nothing until the server closes.
    """
    asked, closed = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = replies[min(len(asked), len(replies) - 1)]
            asked.append((body, dict(self.headers)))
            if found is None:
                closed.wait(10)
                return
            status, headers, content = found
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        closed.set()
        server.shutdown()
        server.server_close()
