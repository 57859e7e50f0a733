"""Reading what a form sends: urlencoded or multipart, small, each field once."""

from __future__ import annotations

from typing import Any

from litestar import Request

from troth.people.strictness import State

MOST_BYTES = 16 * 1024
CHOICE = "choice."
WAS = "was."
_STATES: dict[str, State] = {"in": "in", "out": "out", "unset": "unset"}


class FormError(ValueError):
    """A form that cannot be read; the text says why, for whoever sent it."""


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields of a form. FormError: a field is a file, given twice, or no text.

    What is no form at all has no fields. Litestar answers bodies over the limit with 413.
    """
    try:
        sent = await request.form()
    except (UnicodeDecodeError, LookupError):
        raise FormError("The form is not written in UTF-8.") from None
    fields: dict[str, str] = {}
    for name, value in sent.multi_items():
        if not isinstance(value, str):
            raise FormError(f"The field '{name[:50]}' is not text.")
        if name in fields:
            raise FormError(f"The field '{name[:50]}' is there twice.")
        fields[name] = value
    return fields


def chosen(fields: dict[str, str]) -> dict[str, State]:
    """The choices that a form changes: `choice.<id>` says another state than `was.<id>`. FormError: no state.

    What the person left as it was is not said again: it may have changed elsewhere since the page was made.
    """
    states: dict[str, State] = {}
    for name, value in fields.items():
        if name.startswith(CHOICE):
            choice = name.removeprefix(CHOICE)
            if value not in _STATES:
                raise FormError(f"The state of '{choice[:50]}' is in, out or unset.")
            if value != fields.get(f"{WAS}{choice}"):
                states[choice] = _STATES[value]
    return states
