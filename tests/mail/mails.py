"""Mails for the tests of the gate of mail, and the oracle: outside the insertions the bytes are the same."""

from __future__ import annotations

from troth.gates.mail.content.encoded import decoded
from troth.gates.mail.content.footer import Footer
from troth.gates.mail.content.list_headers import list_headers
from troth.gates.mail.content.message import Message, read_message
from troth.gates.mail.content.parts import Part
from troth.gates.mail.content.places import body_parts
from troth.gates.mail.content.splicing import Insertions, splice

OPT_OUT = "https://privacy.example.org/unsubscribe/abcdefgh"
FOOTER = Footer(
    sentence="We e-mail you news of our products – “unless” you opt out & say so.",
    unsubscribe_url=OPT_OUT,
    preferences_url="https://privacy.example.org/choices?a=1&b=2",
    postal_address="Citrix Online, 7414 Hollister Avenue\nGoleta, CA 93117, USA",
    language="en",
)
HEADERS = list_headers(
    unsubscribe_url=OPT_OUT,
    unsubscribe_mailto="mailto:u+abcdefgh@example.org",
    list_id="newsletter.example.org",
    list_name="News",
    feedback=("c1", "newsletter", "troth1"),
)
MARKETING = Insertions(HEADERS, FOOTER)
GONE = (b"bcc", b"resent-bcc", b"return-path", b"content-length", b"dkim-signature", b"domainkey-signature")
GONE += (b"arc-seal", b"arc-message-signature", b"arc-authentication-results", b"x-google-dkim-signature")
GONE += (b"feedback-id", b"x-feedback-id")


def crlf(text: str | bytes) -> bytes:
    """A mail written with plain line ends, as it goes over the wire."""
    some = text.encode() if isinstance(text, str) else text
    return some.replace(b"\n", b"\r\n")


def simple(body: str | bytes, *fields: str) -> bytes:
    """A mail with a From and a Subject, further fields and a body."""
    head = "".join(f"{one}\n" for one in ("From: A <a@example.org>", "Subject: Hi", *fields))
    return crlf(head) + b"\r\n" + crlf(body)


def spliced(raw: bytes, insertions: Insertions = MARKETING) -> bytes:
    """The mail with the insertions, held against the oracle."""
    out = splice(read_message(raw), insertions)
    check_outside(raw, out, insertions)
    return out


def body_of(raw: bytes, number: int = 0) -> bytes:
    """The decoded body of the part of that number that is the message."""
    message = read_message(raw)
    return decoded(raw, body_parts(message)[number])


def check_outside(raw: bytes, out: bytes, insertions: Insertions, *, utf8: bool = False) -> None:
    """Everything outside the insertions is the same to the byte, and each part that is the message bears the footer."""
    before, after = read_message(raw, utf8=utf8), read_message(out, utf8=utf8)
    _check_header(before, after, insertions)
    bearing = {id(part) for part in body_parts(before)} if insertions.footer else set()
    _check_part(before, before.root, after, after.root, bearing, root=True)


def _check_header(before: Message, after: Message, insertions: Insertions) -> None:
    old, new = _lines(before.raw[: before.root.body]), _lines(after.raw[: after.root.body])
    names = {name.lower().encode() for name, _ in insertions.headers}
    kept = [line for line in old if not _gone(line, names)]
    assert new[len(new) - len(kept) :] == kept
    added = new[: len(new) - len(kept)]
    assert [line.partition(b":")[0].decode() for line in added] == [name for name, _ in insertions.headers]
    assert [" ".join(line.decode().partition(":")[2].split()) for line in added] == [v for _, v in insertions.headers]


def _gone(line: bytes, names: set[bytes]) -> bool:
    name = line.partition(b":")[0].lower()
    return name in names or name in GONE or name.startswith(b"list-")


def _lines(head: bytes) -> list[bytes]:
    """The fields of a header, each with its folds; written without the reader."""
    found: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            found[-1] += b"\r\n" + line
        elif line:
            found.append(line)
    return found


def _check_part(before: Message, old: Part, after: Message, new: Part, bearing: set[int], *, root: bool) -> None:
    assert (old.type, old.encoding, len(old.parts)) == (new.type, new.encoding, len(new.parts))
    if not root:
        assert before.raw[old.start : old.body].rstrip() == after.raw[new.start : new.body].rstrip()
    was, now = before.raw[old.body : old.end], after.raw[new.body : new.end]
    if id(old) in bearing:
        _check_bearing(before, old, after, new)
    elif not old.parts:
        assert was == now
    else:
        # What stands between the parts: the delimiters, what comes before the first and after the last.
        assert _between(before.raw, old) == _between(after.raw, new)
        for one, other in zip(old.parts, new.parts, strict=True):
            _check_part(before, one, after, other, bearing, root=False)


def _between(raw: bytes, part: Part) -> list[bytes]:
    ends = [part.body, *(place for one in part.parts for place in (one.start, one.end)), part.end]
    return [raw[first:last] for first, last in zip(ends[::2], ends[1::2], strict=True)]


def _check_bearing(before: Message, old: Part, after: Message, new: Part) -> None:
    """One stretch was added, and it bears the opt-out; of base64 a group of four was written anew with it."""
    was, now = decoded(before.raw, old), decoded(after.raw, new)
    added = _inserted(was, now, 0)
    assert OPT_OUT.encode() in added, added
    was, now = before.raw[old.body : old.end], after.raw[new.body : new.end]
    if old.encoding == "base64":
        # White space within the group goes with it.
        _inserted(was.translate(None, b" \t\r\n"), now.translate(None, b" \t\r\n"), 4)
    else:
        _inserted(was, now, 0)


def _inserted(was: bytes, now: bytes, spare: int) -> bytes:
    """What `now` has more than `was`, in one place; at most `spare` bytes of `was` are missing there."""
    first = _common(was, now)
    last = _common(was[::-1], now[::-1])
    assert first + last >= len(was) - spare, (was, now)
    last = min(last, len(was) - min(first, len(was)))
    return now[first : len(now) - last]


def _common(one: bytes, other: bytes) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
