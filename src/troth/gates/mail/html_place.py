"""Where in an HTML document something can be added so that it is seen: before the last `</body>` that is one.

Tags are read as the HTML standard reads them (section 13.2.5), so a `</body>` within a comment, a script, a style or an
attribute is none. Offsets are of bytes, in any charset that writes ASCII as ASCII.
"""

from __future__ import annotations

import re

from troth.gates.mail.errors import MailError

_BEGIN = re.compile(rb"<(?:(?P<comment>!--)|(?P<bogus>[!?]|/(?=[^A-Za-z]))|(?P<close>/?)(?P<name>[A-Za-z][^\s/>]*+))")
_REST = re.compile(rb"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])))*+>")
_COMMENT_END = re.compile(rb"-->|--!>")
_HTML = re.compile(rb"<html\b[^>]*+>", re.I)
_LANG = re.compile(rb"\slang\s*=\s*[\"']?([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)", re.I)
# What stands in these is text until their end tag; of `template` it is never shown.
_RAW = frozenset(
    (b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes", b"template", b"plaintext")
)
# The states of ISO-2022 in which bytes are not ASCII, however they look.
_SHIFTED = re.compile(rb"\x1b(?:\$[@B]|\$\([@-~]|\([^BJ]|\.[@-~]|N)[^\x1b]*")


def place(document: bytes) -> int:
    """The offset at which something added is seen: before `</body>`, else before `</html>`, else at the end.

    MailError 550 5.7.1: the document ends within a comment, a tag or a script, which would swallow what is added.
    """
    if b"\x1b" in document:
        document = _SHIFTED.sub(lambda found: b" " * len(found[0]), document)
    body: int | None = None
    html: int | None = None
    at, size = 0, len(document)
    while at < size:
        match = _BEGIN.search(document, at)
        if match is None:
            break
        end = _end(document, match)
        if end is None:
            if body is not None or html is not None:
                break
            raise MailError(
                550, "5.7.1", f"The HTML ends within {_what(match)}, so an opt-out in it could not be seen."
            )
        if match["close"]:
            name = match["name"].lower()
            if name == b"body":
                body = match.start()
            elif name == b"html":
                html = match.start()
        at = end
    if body is not None:
        return body
    return html if html is not None else size


def language(document: bytes) -> str | None:
    """The `lang` of the element html in lower case, or None."""
    tag = _HTML.search(document[:4000])
    match = _LANG.search(tag[0]) if tag else None
    return match[1].decode("ascii").lower() if match else None


def _end(document: bytes, match: re.Match[bytes]) -> int | None:
    """Where the comment, tag or raw text that begins here ends, or None when it does not."""
    if match["comment"]:
        # `<!-->` and `<!--->` are whole comments.
        short = re.compile(rb"-?>").match(document, match.end())
        if short is not None:
            return short.end()
        found = _COMMENT_END.search(document, match.end())
        return found.end() if found else None
    if match["bogus"]:
        end = document.find(b">", match.end())
        return end + 1 if end >= 0 else None
    rest = _REST.match(document, match.end())
    if rest is None:
        return None
    name = match["name"].lower()
    if match["close"] or name not in _RAW:
        return rest.end()
    if name == b"plaintext":
        return None
    last = re.compile(rb"</" + name + rb"(?=[\s/>])", re.I).search(document, rest.end())
    if last is None:
        return None
    over = _REST.match(document, last.end())
    return over.end() if over else None


def _what(match: re.Match[bytes]) -> str:
    if match["comment"] or match["bogus"]:
        return "a comment"
    return f"<{match['name'][:20].decode('ascii', 'replace')}>"
