"""ELAN's annotation format, version 3.0 (https://www.mpi.nl/tools/elan/EAFv3.0.xsd)."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree

from bibier.exports.segments import ExportedRecording
from bibier.exports.tiers import TIERS, intervals
from bibier.labels import EMOTIONS

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
VOCABULARY = "emotions"


def eaf(recording: ExportedRecording, language: str = "en", *, date: datetime | None = None) -> str:
    """Write a document whose tiers are those of the TextGrid; it finds the recording beside itself by its name.

    The tiers of emotions choose from a controlled vocabulary, so that they are corrected by a choice and not by typing.
    """
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "BiBiER",
            "DATE": (date or datetime.now(UTC)).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": XSI,
            "xsi:noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if recording.name:
        address = f"./{quote(recording.name)}"
        kind = mimetypes.guess_type(recording.name)[0] or "audio/x-wav"
        ElementTree.SubElement(
            header, "MEDIA_DESCRIPTOR", MEDIA_URL=address, MIME_TYPE=kind, RELATIVE_MEDIA_URL=address
        )
    order = ElementTree.SubElement(root, "TIME_ORDER")
    slots: list[tuple[int, str]] = []  # in milliseconds
    for tier in TIERS:
        kind = "text" if tier in ("transcript", "word") else "emotion"
        element = ElementTree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF=kind, TIER_ID=tier)
        for start, end, label in intervals(recording, tier):
            number = len(slots) // 2 + 1
            first, second = f"ts{len(slots) + 1}", f"ts{len(slots) + 2}"
            slots += [(round(1000 * start), first), (round(1000 * end), second)]
            annotation = ElementTree.SubElement(
                ElementTree.SubElement(element, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=first,
                TIME_SLOT_REF2=second,
            )
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = label
    for milliseconds, slot in sorted(slots, key=lambda pair: pair[0]):
        ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(milliseconds))
    types = {"text": {}, "emotion": {"CONTROLLED_VOCABULARY_REF": VOCABULARY}}
    for kind, more in types.items():
        own = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": kind, "TIME_ALIGNABLE": "true"}
        ElementTree.SubElement(root, "LINGUISTIC_TYPE", own | more)
    ElementTree.SubElement(
        root, "LANGUAGE", LANG_DEF="http://cdb.iso.org/lg/CDB-00138502-001", LANG_ID="eng", LANG_LABEL="English (eng)"
    )
    vocabulary = ElementTree.SubElement(root, "CONTROLLED_VOCABULARY", CV_ID=VOCABULARY)
    ElementTree.SubElement(
        vocabulary, "DESCRIPTION", LANG_REF="eng"
    ).text = "The seven emotions; ? where none can be told"
    for number, emotion in enumerate((*EMOTIONS, "?"), start=1):
        entry = ElementTree.SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=f"e{number}")
        ElementTree.SubElement(entry, "CVE_VALUE", DESCRIPTION="", LANG_REF="eng").text = emotion
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
