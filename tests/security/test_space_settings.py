"""The guards on a Space, and what settings of the guards are refused."""

from __future__ import annotations

import httpx
import pytest
from served import served

from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.security.middleware import SecuritySettings
from bibier.security.responses import refusal, size
from bibier.security.session import address_of
from bibier.security.trusted_hosts import TrustedHosts
from bibier.ui import hub_login


def test_a_space_s_settings():
    """On a Space the page stands in the Hub's frame, under the Space's name, behind the Hub's proxy."""
    settings = SecuritySettings.read(
        {"SPACE_ID": "user/space", "SPACE_HOST": "user-space.hf.space"}, hosts=("voices.example",)
    )
    assert settings.framed and settings.proxies == 1
    assert settings.hosts == ("voices.example", "user-space.hf.space")
    gate = TrustedHosts(None, names=settings.hosts)
    assert gate.knows("user-space.hf.space") and gate.same("https://user-space.hf.space", "10.0.0.1:7860")
    assert not gate.same("https://other-space.hf.space", "user-space.hf.space")


def test_a_space_s_page(tmp_path):
    """The frame's owner is named, and the cookie works inside it."""
    with served(tmp_path, SPACE_HOST="user-space.hf.space", SPACE_ID="user/space") as address:
        answer = httpx.get(address, headers={"host": "user-space.hf.space"})
    assert answer.headers["content-security-policy"].endswith("frame-ancestors 'self' https://huggingface.co")
    assert "x-frame-options" not in answer.headers
    assert answer.headers["set-cookie"].endswith("HttpOnly; SameSite=None; Secure; Partitioned")


@pytest.mark.parametrize("value", ["many", "-1", "0", "nan", "inf"])
def test_settings_that_are_none(value):
    with pytest.raises(InputError, match="BIBIER_UPLOAD_MB"):
        SecuritySettings.read({"BIBIER_UPLOAD_MB": value})


def test_an_address_is_believed_from_our_own_proxy_only():
    """What the visitor wrote stands left of what the proxies noted."""
    scope = {"client": ("10.0.0.1", 5), "headers": [(b"x-forwarded-for", b"1.1.1.1, 2.2.2.2, 3.3.3.3")]}
    assert [address_of(scope, proxies) for proxies in (0, 1, 2)] == ["10.0.0.1", "3.3.3.3", "2.2.2.2"]
    assert address_of(scope | {"headers": []}, 1) == "10.0.0.1"


@pytest.mark.parametrize("language, words", [("en", "at most 400 MB."), ("ru", "не больше 400 МБ.")])
def test_a_refusal_s_sizes_are_in_its_language(language, words):
    scope = {"type": "http", "path": "/gradio_api/upload", "headers": [(b"accept-language", language.encode())]}
    answer = refusal(scope, 413, Message("guard-too-large", {"limit": size(400 * 10**6)}))
    assert words in answer.body.decode()
    assert [size(count).text(language) for count in (1500, 64_000)] == [
        f"{number} {'kB' if language == 'en' else 'КБ'}" for number in (2, 64)
    ]


def test_the_button_of_the_hub_speaks_both_languages():
    assert (
        hub_login.both("sign-in-button") == "Sign in · Войти"
        and hub_login.both("sign-out-button") == "Sign out · Выйти"
    )
