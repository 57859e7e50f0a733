"""Reading the body of a form as the application behind will read it: urlencoded, multipart without files, or JSON.

A body that can be read in two ways is not read at all, so that what is collected is what the application gets.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from troth.client.errors import WrongRequest
from troth.client.reading import NonsenseError, as_object, load
from troth.client.values import Json

MOST_FIELDS = 1000
_PARAMETER = re.compile(r';[ \t]*([\w*-]+)=("(?:[^"\\\r\n]|\\.)*"|[^\s;"]+)')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, section 5.1.1
_LINE = re.compile(r"([\w!#$%&'*+.^`|~-]+):([^\x00-\x08\x0a-\x1f\x7f]*)", re.ASCII)  # RFC 9110, section 5
_ENCODINGS = {"7bit", "8bit", "binary"}


class BadFormError(WrongRequest):
    """A form that is not taken before anybody is asked. `status` is the HTTP status for whoever sent it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        super().__init__(code, message)


def read_body(content_type: str, body: bytes) -> dict[str, Json]:
    """The fields of a body by their names; a name that comes several times has the list. BadFormError."""
    kind, parameters = _header(content_type)
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise BadFormError(415, "unsupported", "Forms are read in UTF-8.")
    read = _READERS.get(kind)
    if read is None:
        raise BadFormError(415, "unsupported", f"A form of the type '{kind[:100]}' is not taken.")
    try:
        return read(parameters, body)
    except NonsenseError as problem:
        raise BadFormError(400, "bad-form", f"The body cannot be read: {problem}.") from None
    except ValueError:
        pass  # it holds the whole body, and errors end up in logs
    raise BadFormError(400, "bad-form", "The body cannot be read.")


def field_of(body: dict[str, Json], name: str) -> Json:
    """A field by its name, or, in JSON, by its path with dots. None where there is none."""
    if name in body:
        return body[name]
    found: Json = body
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _json(parameters: dict[str, str], body: bytes) -> dict[str, Json]:
    return as_object(load(body))


def _urlencoded(parameters: dict[str, str], body: bytes) -> dict[str, Json]:
    text = body.decode()
    return _by_name(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS, separator="&"))


def _by_name(pairs: list[tuple[str, str]]) -> dict[str, Json]:
    found: dict[str, list[Json]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _multipart(parameters: dict[str, str], body: bytes) -> dict[str, Json]:
    """The fields of multipart/form-data (RFC 7578), files left out. ValueError, NonsenseError."""
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise NonsenseError("it has no boundary")
    delimiter = b"--" + boundary.encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if body.count(delimiter) != len(parts):  # some readers take it after a bare line feed, too
        raise NonsenseError("its boundary is in a value")
    if first or not parts or parts.pop() not in (b"--", b"--\r\n"):
        raise NonsenseError("it does not begin and end with its boundary")
    if len(parts) > MOST_FIELDS:
        raise NonsenseError("it has too many parts")
    found = []
    for part in parts:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n"):
            raise NonsenseError("a part of it has no head")
        name = _name(head.decode())
        if name is not None:
            found.append((name, content.decode()))
    return _by_name(found)


def _name(head: str) -> str | None:
    """The name of a part; None of a file."""
    headers: dict[str, str] = {}
    for line in head.removeprefix("\r\n").split("\r\n"):
        match = _LINE.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise NonsenseError("the head of a part can be read in two ways")
        headers[match[1].lower()] = match[2].strip(" \t")
    disposition, parameters = _header(headers.get("content-disposition", ""))
    if disposition != "form-data" or "name" not in parameters or "name*" in parameters:
        raise NonsenseError("a part of it has no name")
    if headers.get("content-transfer-encoding", "8bit").lower() not in _ENCODINGS:
        raise NonsenseError("a part of it is encoded")
    if "filename" in parameters or "filename*" in parameters:
        return None
    if _header(headers.get("content-type", ""))[1].get("charset", "utf-8").lower() not in ("utf-8", "us-ascii"):
        raise NonsenseError("a part of it is not in UTF-8")
    name = parameters["name"]
    for sign, escaped in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):  # HTML, "multipart/form-data encoding"
        name = name.replace(escaped, sign)
    return name


def _header(value: str) -> tuple[str, dict[str, str]]:
    """The value of a header in lower case, and its parameters. NonsenseError: they can be read in two ways."""
    kind = value.partition(";")[0]
    rest = value[len(kind) :].rstrip(" \t;")
    parameters: dict[str, str] = {}
    place = 0
    while place < len(rest):
        match = _PARAMETER.match(rest, place)
        if match is None or match[1].lower() in parameters:
            raise BadFormError(400, "bad-form", "The head of the form can be read in two ways.")
        text = match[2]
        parameters[match[1].lower()] = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
        place = match.end()
    return kind.strip().lower(), parameters


_READERS = {
    "application/json": _json,
    "application/x-www-form-urlencoded": _urlencoded,
    "multipart/form-data": _multipart,
}
