"""What visitors take to the annotations stays for good, and so has a share."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bibier.errors import InputError
from bibier.security.ownership import Ownership
from bibier.security.session import Visitor
from bibier.ui.analyse.erasure import KEPT_SHARE, Erasure

SIZE = 10_000


def test_what_is_taken_to_annotate_has_a_share(tmp_path):
    """Of a session, and of all; the operator's own disk is theirs."""
    (kept := tmp_path / "clips").mkdir()
    (recording := tmp_path / "voice.wav").write_bytes(bytes(SIZE))
    (kept / "dataset.wav").write_bytes(bytes(4 * KEPT_SHARE * SIZE))  # the operator's own: no visitor's room
    listed = SimpleNamespace(
        projects=lambda: ["analysed"],
        clips=lambda project: [SimpleNamespace(path=str(kept / name)) for name in map(str, range(3 * KEPT_SHARE))],
    )
    privacy = Erasure(listed, SimpleNamespace(limit=KEPT_SHARE * 2 * SIZE), kept)
    guest = Visitor("ann", "10.0.0.1", None, True, Ownership(tmp_path))
    numbers = iter(range(10**6))

    def receive():
        name = f"{next(numbers)}"
        (kept / name).write_bytes(bytes(SIZE))
        return {"project": "analysed", "clip": name}

    for _ in range(2):
        privacy.take(guest, recording, receive)
    with pytest.raises(InputError, match="the limit"):
        privacy.take(guest, recording, receive)
    guest.ownership.sent["ann"].pop()  # deleted by its owner
    assert privacy.take(guest, recording, receive)["clip"] == "2"
    with pytest.raises(InputError, match="all the room"):
        for number in range(2 * KEPT_SHARE):
            privacy.take(replace(guest, session=f"cookie {number}"), recording, receive)
    assert len(list(kept.iterdir())) == 2 * KEPT_SHARE + 1
    assert privacy.take(replace(guest, operator=True), recording, receive)
