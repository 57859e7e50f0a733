"""Reading what the forms of complaints send: a few texts, and files by their first bytes and not by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile

from troth.accountability.complaints.texts import Written
from troth.web.choices.forms import FormError

FILES, EACH = 3, 2 * 1024 * 1024  # how many files, and bytes of each
MOST_BYTES = FILES * EACH + 256 * 1024  # of a whole form
_PLAIN = re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]*")
_NAME = re.compile(r"[^\w. ()-]")


class Sent(msgspec.Struct, frozen=True):
    """What a form sent: its fields, and its files."""

    fields: Mapping[str, str]
    files: tuple[Written, ...]

    def get(self, name: str) -> str:
        """A field, empty where it is not there."""
        return self.fields.get(name, "").strip()


class FileError(FormError):
    """A file that is not taken; the text says why."""


async def read_sent(request: Request[Any, Any, Any]) -> Sent:
    """The fields and files of a form. FormError: a field is there twice, or it comes from another site. FileError."""
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise FormError("This form is not sent from other sites.")
    try:
        sent = await request.form()
    except (UnicodeDecodeError, LookupError):
        raise FormError("The form is not written in UTF-8.") from None
    fields: dict[str, str] = {}
    files: list[Written] = []
    for name, value in sent.multi_items():
        if isinstance(value, UploadFile):
            data = await value.read(EACH + 1)
            if not data and not value.filename:
                continue  # a browser sends a field without a file like this
            if name != "file":
                raise FormError(f"The field '{name[:50]}' is not for a file.")
            files.append(_file(value.filename, data))
            continue
        if name == "file" and value == "":
            continue
        if not isinstance(value, str):
            raise FormError(f"The field '{name[:50]}' is not text.")
        if name in fields:
            raise FormError(f"The field '{name[:50]}' is there twice.")
        fields[name] = value
    if len(files) > FILES:
        raise FileError(f"{FILES} files can go with it at most; there are {len(files)}.")
    return Sent(fields, tuple(files))


def kind_of(data: bytes) -> str | None:
    """The media type of a file by its first bytes, one of four; None: it is none of these."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if _PLAIN.fullmatch(data):
        try:
            data.decode()
        except UnicodeDecodeError:
            return None
        return "text/plain"
    return None


def _file(name: str, data: bytes) -> Written:
    shown = _NAME.sub("_", name.replace("\\", "/").rpartition("/")[2])[-80:] or "file"
    if len(data) > EACH:
        raise FileError(f"{shown} is larger than 2 MB. Send a smaller one.")
    if not data:
        raise FileError(f"{shown} is empty.")
    kind = kind_of(data)
    if kind is None:
        raise FileError(f"{shown} is none of what is taken: PNG, JPEG, PDF or plain text.")
    return Written("file", data, shown, kind)
