from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000  # Hz
SPOKEN = Path(__file__).parents[2] / "examples" / "happy_en.ogg"


@pytest.fixture(scope="session")
def voice() -> np.ndarray:
    """Two seconds of an example, (32000,) float32."""
    samples, rate = soundfile.read(SPOKEN, dtype="float32")
    assert rate == RATE
    return 0.5 * samples[: 2 * RATE] / np.abs(samples[: 2 * RATE]).max()
