"""Fixtures that several tests share."""

from pathlib import Path

import pytest
import small_corpora
import torch
from tiny import shaken, tiny_config

from bibier.checkpoint.bundle import Bundle

LONG = ("browser", "train", "annotation", "security")  # folders whose files take longest


def pytest_collection_modifyitems(items):
    """Put the longest files first: those that are left at the end are short, and all processes end together."""
    places = {folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(LONG)))


@pytest.fixture
def tiny_bundle() -> Bundle:
    torch.manual_seed(0)
    return shaken(Bundle(tiny_config())).eval()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A data folder of `small_corpora`."""
    return small_corpora.make(tmp_path_factory.mktemp("data"))
