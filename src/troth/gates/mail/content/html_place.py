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
# What stands in these is hidden, or shown only where the element itself cannot be.
_HIDE = frozenset(
    (b"details", b"dialog", b"select", b"datalist", b"object", b"video", b"audio", b"canvas", b"frameset", b"math")
)
# These have no end tag, or none that is asked for, so nothing says where what they hide ends: at the next of them.
_ENDLESS = (
    "area br col embed hr img input link meta source track wbr "
    "li dt dd td th tr tbody thead tfoot caption colgroup option"
)
_NO_END = frozenset(_ENDLESS.encode().split())
_BARRIERS = frozenset(b"table object marquee applet select math svg button".split())  # end tags outside do not reach in
_BLOCKS = frozenset(
    b"address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header "
    b"hgroup main menu nav ol pre search section summary ul".split()
)
_FOREIGN = frozenset((b"svg", b"math"))
_ENDS_P = _BLOCKS | frozenset(b"p form h1 h2 h3 h4 h5 h6 hr".split())
_STYLED = re.compile(
    rb"\shidden(?=[\s=>/])"
    rb"|display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0*\.?0*\s*[;!\"'>]|max-height\s*:\s*0",
    re.I,
)
# The states of ISO-2022 in which bytes are not ASCII, however they look.
_SHIFTED = re.compile(rb"\x1b(?:\$[@B]|\$\([@-~]|\([^BJ]|\.[@-~]|N)[^\x1b]*")


def place(document: bytes) -> int:
    """The offset at which something added is seen: before `</body>`, else before `</html>`, else at the end.

    MailError 550 5.7.1: the document ends within a comment, a tag or a script, which would swallow what is added, or
    leaves an element open there that hides it.
    """
    if b"\x1b" in document:
        document = _SHIFTED.sub(lambda found: b" " * len(found[0]), document)
    hiding = _Hiding()
    ends: dict[bytes, tuple[int, bytes]] = {}  # of body and html, with what hides there
    at, size = 0, len(document)
    while at < size:
        match = _BEGIN.search(document, at)
        if match is None:
            break
        end = _end(document, match)
        if end is None:
            if ends:
                break
            raise MailError(
                550, "5.7.1", f"The HTML ends within {_what(match)}, so an opt-out in it could not be seen."
            )
        name = (match["name"] or b"").lower()
        if match["close"] and name in (b"body", b"html"):
            ends[name] = (match.start(), hiding.by if hiding.open else b"")
        elif name:
            hiding.take(name, document[match.end() : end], close=bool(match["close"]))
        at = end
    where, by = ends.get(b"body") or ends.get(b"html") or (size, hiding.by if hiding.open else b"")
    if by:
        text = (
            f"The HTML leaves <{by[:20].decode('ascii', 'replace')}> open, which hides what follows, and so an opt-out."
        )
        raise MailError(550, "5.7.1", text)
    return where


class _Hiding:
    """The outermost element that is open and hides what is in it, and what is open within.

    Its end tag ends it only where a reader of HTML takes it for that (section 13.2.6.4.7): not from within a table, and
    of an element that is no block not while anything within is open. In doubt it goes on hiding, and is refused.
    """

    __slots__ = ("by", "within")

    def __init__(self) -> None:
        self.by = b""
        self.within: list[bytes] = []

    @property
    def open(self) -> bool:
        """Whether something added here would be hidden. It is a block, and so ends a paragraph that was left open."""
        return bool(self.by) and (self.by != b"p" or not _BARRIERS.isdisjoint(self.within))

    def take(self, name: bytes, tag: bytes, *, close: bool) -> None:
        """Take in a tag."""
        if self.by == b"p" and not close and name in _ENDS_P and not self.open:
            self.by, self.within = b"", []
        if not self.by:
            if not close and (name in _HIDE or (name not in _NO_END and _STYLED.search(tag))):
                self.by = name
        elif not close:
            whole = tag.endswith(b"/>") and not _FOREIGN.isdisjoint(self.within)
            if name not in _NO_END and not whole:
                self.within.append(name)
        elif name in self.within:
            at = len(self.within) - 1 - self.within[::-1].index(name)
            inner = self.within[at + 1 :]
            # What is no SVG or MathML breaks out of it, and its end tag then ends nothing.
            if (name in _BARRIERS and not (inner and name in _FOREIGN)) or not (
                _BARRIERS.intersection(inner) or (inner and name not in _BLOCKS)
            ):
                del self.within[at:]
        elif name == self.by and not (self.within and name not in _BLOCKS) and not _BARRIERS.intersection(self.within):
            self.by, self.within = b"", []


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
