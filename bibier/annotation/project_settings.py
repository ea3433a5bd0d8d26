"""What can be set of a project, and what it may be called."""

from __future__ import annotations

from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from bibier.annotation.events import MAX_NAME, SHARE, Expected, expected_in
from bibier.annotation.label_list import MOST, is_sound
from bibier.annotation.state import ORDERS, Order
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS


def _sound(labels: list[Any]) -> list[Any]:
    if not is_sound(labels):
        raise ValueError("no list of labels")
    return labels


LABELS = Expected(Message("store-setting-labels", {"emotions": ", ".join(EMOTIONS), "most": MOST}))


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ProjectSettings:
    """What can be set of a project; what each field may hold stands at the field."""

    proposals: Annotated[Literal["hidden", "shown"], Expected("hidden, shown")] = "hidden"
    wanted: Annotated[int, Field(ge=1), Expected("1, 2, …")] = 1  # annotators per clip
    order: Annotated[Order, Expected(", ".join(ORDERS))] = "given"
    share: Annotated[int | float, Field(ge=0, le=1, allow_inf_nan=False), SHARE] = 0.0  # of random turns
    labels: Annotated[list[Any], AfterValidator(_sound), LABELS] = field(default_factory=list)  # none means the seven
    guidelines: Annotated[str, Field(max_length=20_000), Expected(Message("store-setting-text", {"most": 20_000}))] = ""
    repeats: Annotated[int | float, Field(ge=0, le=0.5, allow_inf_nan=False), Expected("0 … 0.5")] = 0.0  # of the turns
    seed: Annotated[int, Expected("0, 1, …")] = 0  # of the random turns


SETTINGS = asdict(ProjectSettings())


def check_name(project: str) -> None:
    """Raise InputError unless events can name a project so."""
    if not 1 <= len(project) <= MAX_NAME or not project.isprintable():
        shown = project.encode("unicode_escape").decode()[:80]
        raise InputError("store-project-name", name=shown, most=MAX_NAME)


def check_text(project: str) -> None:
    """Raise InputError for a name that no database can be asked about."""
    if "\0" in project or any("\ud800" <= letter <= "\udfff" for letter in project):
        check_name(project)


def check_settings(settings: dict[str, Any]) -> None:
    """Raise InputError for the first setting that a project can't have."""
    try:
        ProjectSettings(**settings)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        known = expected_in(ProjectSettings)
        expected = known.get(key, ", ".join(known))
        raise InputError("store-setting", setting=key, value=str(settings[key])[:80], expected=expected) from error
