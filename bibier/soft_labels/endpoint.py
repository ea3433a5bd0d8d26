"""A language model behind an OpenAI-compatible address: time-outs, retries with back-off, and no key in any message."""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from bibier.errors import InputError
from bibier.parsing import read_json

LARGEST = 2**20  # bytes of a reply
LARGEST_REFUSAL = 300  # bytes that are read of a refusal
LONGEST_WAIT = 60.0  # s between two tries; who says by Retry-After that it takes longer is not asked again
ALTERNATIVES = 20  # most likely tokens that the protocol gives


class _TryAgain(Exception):
    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class Endpoint:
    """An OpenAI-compatible chat model; nothing is asked before the first call.

    Tokens are counted in `token_usage` (prompt, completion) as far as the server tells them.
    """

    url: str  # the base, such as https://host/v1
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0  # s for one try, from its start to the last byte
    tries: int = 5
    wait: float = 1.0  # s before the second try; doubled before each further one
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    revision: str = ""
    token_usage: list[int] = field(default_factory=lambda: [0, 0])
    scores_labels: bool = True  # until the server has answered without log-probabilities

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise InputError("llm-not-set") from error
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or not self.model:
            raise InputError("llm-not-set")
        if any(c in "\r\n" or ord(c) > 255 for c in self.key):
            raise InputError("llm-key")

    @property
    def name(self) -> str:
        """What the answers of this engine are kept under; without the key."""
        return f"endpoint {self.url.rstrip('/')}"

    def generate(self, messages: Sequence[Mapping[str, str]], *, limit: int) -> str:
        """Return the model's answer, at most `limit` tokens, at temperature 0. Raises InputError."""
        return self._choice(messages, max_tokens=limit)[0]

    def score(
        self, messages: Sequence[Mapping[str, str]], labels: Sequence[str], *, length_normalised: bool
    ) -> list[float] | None:
        """Return the log-probability of each label as the answer's beginning; None where the server does not tell.

        Only the first token is told, and of it the 20 most likely: a token counts for the one label that begins with
        it; a label that none of them begins has −inf. `length_normalised` changes nothing for one token.
        """
        if not self.scores_labels:
            return None
        _, choice = self._choice(messages, max_tokens=1, logprobs=True, top_logprobs=ALTERNATIVES)
        masses = dict.fromkeys(labels, 0.0)
        try:
            for entry in choice["logprobs"]["content"][0]["top_logprobs"]:
                token, value = str(entry["token"]).strip().lower(), float(entry["logprob"])
                begun = [label for label in labels if token and label.startswith(token)]
                if len(begun) == 1 and value <= 0:  # NaN compares as false
                    masses[begun[0]] += math.exp(value)
        except (KeyError, IndexError, TypeError, ValueError):
            self.scores_labels = False
            return None
        if not any(masses.values()):
            return None
        return [math.log(mass) if mass > 0 else -math.inf for mass in masses.values()]

    def _choice(self, messages: Sequence[Mapping[str, str]], **settings: object) -> tuple[str, dict[str, Any]]:
        """Ask until there is an answer; returns its text and the protocol's choice."""
        body = {"model": self.model, "messages": list(messages), "temperature": 0, "seed": 42} | settings
        reason = ""
        for number in range(self.tries):
            try:
                return self._once(json.dumps(body).encode("ascii"))
            except _TryAgain as error:
                reason = self._safe(str(error))
                if number + 1 < self.tries:
                    wait = self.wait * 2**number if error.wait is None else error.wait
                    self.sleep(min(wait, LONGEST_WAIT))
        raise InputError("llm-unreachable", host=urlsplit(self.url).netloc, tries=self.tries, reason=reason)

    def _once(self, body: bytes) -> tuple[str, dict[str, Any]]:
        headers = {b"Content-Type": b"application/json"}
        if self.key:
            headers[b"Authorization"] = f"Bearer {self.key}".encode("latin-1")
        try:
            raw = _waited_for(self._fetch(body, headers))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _TryAgain(f"nothing whole within {self.timeout:g} s") from error
        except httpx.HTTPError as error:
            raise _TryAgain(str(error) or type(error).__name__) from error
        try:
            answer = read_json(raw)
            choice = answer["choices"][0]
            text = choice["message"]["content"] or ""
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise _TryAgain(f"the reply is not of the OpenAI protocol ({type(error).__name__})") from error
        usage = answer.get("usage")
        for index, name in enumerate(("prompt_tokens", "completion_tokens")):
            count = usage.get(name) if isinstance(usage, dict) else None
            self.token_usage[index] += count if isinstance(count, int) and count > 0 else 0
        return text.replace(self.key, "***") if self.key else text, choice  # what it was sent, it may say again

    async def _fetch(self, body: bytes, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the whole reply. Only a deadline for all of it bounds a server that sends a byte now and then."""
        raw, address = b"", f"{self.url.rstrip('/')}/chat/completions"
        # A redirect would carry the key to another host: httpx follows none unless it is told to.
        async with (
            asyncio.timeout(self.timeout),
            httpx.AsyncClient(timeout=self.timeout) as client,
            client.stream("POST", address, content=body, headers=headers) as reply,
        ):
            if not reply.is_success:
                await self._refused(reply)
            async for part in reply.aiter_bytes():
                raw += part
                if len(raw) > LARGEST:
                    raise _TryAgain(f"more than {LARGEST} bytes")
        return raw

    async def _refused(self, reply: httpx.Response) -> NoReturn:
        """Raise what a status that is no success means: to try again where it may pass soon, else InputError."""
        status, seconds = reply.status_code, reply.headers.get("Retry-After", "")
        if status in (408, 409, 429) or status >= 500:
            wait = float(seconds[:9]) if seconds.isascii() and seconds.isdigit() else None
            if wait is not None and wait > LONGEST_WAIT:
                minutes = math.ceil(wait / 60)
                raise InputError("llm-later", host=urlsplit(self.url).netloc, status=status, minutes=minutes)
            raise _TryAgain(f"HTTP {status}", wait)
        detail = b""
        try:
            async for part in reply.aiter_bytes():
                detail += part
                if len(detail) >= LARGEST_REFUSAL:
                    break
        except httpx.HTTPError:
            detail = b""
        reason = self._safe(detail[:LARGEST_REFUSAL].decode("utf-8", "replace"))
        raise InputError("llm-refused", host=urlsplit(self.url).netloc, status=status, reason=reason)

    def _safe(self, text: str) -> str:
        return (text.replace(self.key, "***") if self.key else text)[:300]


def _waited_for(answer: Coroutine[object, object, bytes]) -> bytes:
    """Return what is awaited; in a notebook, whose loop runs already, by another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(answer)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, answer).result()


def from_environment(model: str = "", *, timeout: float = 60.0) -> Endpoint:
    """Return the endpoint of BIBIER_LLM_URL, BIBIER_LLM_KEY and BIBIER_LLM_MODEL; `timeout` is in seconds for one try.

    Raises InputError when they are not set.
    """
    environment = os.environ
    return Endpoint(
        environment.get("BIBIER_LLM_URL", ""),
        model or environment.get("BIBIER_LLM_MODEL", ""),
        environment.get("BIBIER_LLM_KEY", "").strip(),
        timeout,
    )
