"""The choice of a channel, which appears where a recording has several."""

from __future__ import annotations

from bibier.audio.channels import AUTO, MIX, name_of
from bibier.audio.format import MAX_CHANNELS
from bibier.i18n.page import say
from bibier.ui.analyse.updates import ChannelValue

NAMES = (AUTO, *(str(number) for number in range(1, MAX_CHANNELS + 1)), MIX)  # whatever can be chosen


def channel_value(channels: int, chosen: str, language: str) -> ChannelValue:
    """Return the choice among so many channels; nothing is shown of one."""
    numbers = [(name_of(number).text(language), str(number)) for number in range(1, channels + 1)]
    choices = [(say("channel_auto", language), AUTO), *numbers, (say("channel_mix", language), MIX)]
    return {"choices": choices, "value": chosen if channels > 1 else AUTO, "visible": channels > 1}
