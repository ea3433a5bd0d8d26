"""Fixtures that several tests share."""

import pytest
import torch
from tiny import shaken, tiny_config

from bibier.checkpoint import Bundle


@pytest.fixture
def tiny_bundle() -> Bundle:
    torch.manual_seed(0)
    return shaken(Bundle(tiny_config())).eval()
