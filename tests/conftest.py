"""Fixtures that several tests share."""

from pathlib import Path

import pytest
import small_corpora
import torch
from tiny import shaken, tiny_config

from bibier.checkpoint.bundle import Bundle


@pytest.fixture
def tiny_bundle() -> Bundle:
    torch.manual_seed(0)
    return shaken(Bundle(tiny_config())).eval()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A data folder of `small_corpora`."""
    return small_corpora.make(tmp_path_factory.mktemp("data"))
