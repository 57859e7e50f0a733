"""Structured mails of every shape, and what may be done to their bytes, for Hypothesis."""

from __future__ import annotations

import base64

from hypothesis import strategies as st

CHARSETS = ("us-ascii", "utf-8", "iso-8859-1", "windows-1252", "iso-2022-jp", "shift_jis", "")
WORDS = (
    "Hello",
    "=",
    "==",
    " ",
    "  ",
    "\t",
    ".",
    "..",
    "--",
    "-- ",
    "From ",
    "> ",
    "x" * 80,
    "\r\n",
    "\r\n\r\n",
    "=20",
    "&amp;",
)
BEYOND = {
    "utf-8": ("Zoë", "日本", "–", "\u2028"),
    "iso-8859-1": ("Zoë", "ß"),
    "windows-1252": ("Zoë", "–", "€"),
    "iso-2022-jp": ("こんにちは", "日本"),
    "shift_jis": ("ソ表", "日本"),  # whose second bytes are a backslash
}
TAGS = (
    *("<p>", "</p>", "<br/>", "<body>", "</body>", "</html>", "</BODY >", "<!-- </body> -->", "<!---->", "<!-->"),
    *(
        "<script>'</body>'</script>",
        "<style></body></style>",
        '<a href="x?a=1&b=2" title="</body>">',
        "<a b='>'>",
        '<a b"c>',
    ),
    *(
        "<!DOCTYPE html>",
        "<![endif]>",
        "< ",
        "</ ",
        "<1>",
        "<title>x</title>",
        "<img src=x alt=>",
        "<template></body></template>",
    ),
)


@st.composite
def texts(draw: st.DrawFn, charset: str, html: bool) -> bytes:
    """The body of a text part, decoded."""
    some = WORDS + BEYOND.get(charset, ()) + (TAGS if html else ())
    return "".join(draw(st.lists(st.sampled_from(some), max_size=14))).encode(charset or "us-ascii")


def quoted(draw: st.DrawFn, some: bytes) -> bytes:
    """Quoted-printable as some programs write it: what may be escaped sometimes is, and lines break anywhere."""
    made = b""
    for number, one in enumerate(some):
        if some[number : number + 2] == b"\r\n" or (one == 10 and number and some[number - 1] == 13):
            made += bytes((one,))
            continue
        if one in b"=\r\n" or one > 126 or draw(st.integers(0, 9)) == 0:
            made += (b"=%02X" if draw(st.booleans()) else b"=%02x") % one
        else:
            made += bytes((one,))
        if draw(st.integers(0, 14)) == 0:
            made += b"=\r\n"
    return made


def in_base64(draw: st.DrawFn, some: bytes) -> bytes:
    """Base64 in lines of any width, empty ones among them."""
    text = base64.b64encode(some)
    width = draw(st.sampled_from((4, 7, 76, 990)))
    end = draw(st.sampled_from((b"\r\n", b"\r\n", b" \r\n", b"\r\n\r\n")))
    rows = [text[at : at + width] for at in range(0, len(text), width)]
    return end.join(rows) + (b"\r\n" if draw(st.booleans()) else b"")


def fit(some: bytes) -> bytes:
    """The bytes in lines that are short enough to be sent as they are."""
    return b"\r\n".join(line[:990] for line in some.split(b"\r\n"))


@st.composite
def leaves(draw: st.DrawFn, types: tuple[str, ...] = ("text/plain", "text/html")) -> bytes:
    """A text part: its header and its body."""
    kind = draw(st.sampled_from(types))
    charset = draw(st.sampled_from(CHARSETS))
    some = draw(texts(charset, kind != "text/plain"))
    plain = ("7bit", "8bit", "") if some.isascii() else ("8bit", "binary")
    encoding = draw(st.sampled_from((*plain, "quoted-printable", "base64", "BASE64")))
    if encoding == "quoted-printable":
        some = quoted(draw, some)
    elif encoding.lower() == "base64":
        some = in_base64(draw, some)
    fields = [f"Content-Type: {kind}" + (f'; charset="{charset}"' if charset else "")]
    if draw(st.booleans()):
        fields[0] += ";\r\n\tformat=flowed"
    if encoding:
        fields.append(f"content-transfer-encoding: {encoding}")
    if draw(st.booleans()):
        fields.append("Content-Disposition: inline")
    fields = draw(st.permutations(fields))
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + fit(some)


@st.composite
def others(draw: st.DrawFn) -> bytes:
    """A part that is no text of the message."""
    kind = draw(st.sampled_from(("file", "letter", "calendar", "picture", "bare")))
    if kind == "bare":
        return b"Content-Type: image/gif\r\n"  # neither an empty line nor a body
    if kind == "letter":
        inner = b"From: x\r\nFrom: y\r\nList-Id: <z>\r\nContent-Type: text/html\r\n\r\n<body>x</body>"
        return b"Content-Type: message/rfc822\r\n\r\n" + inner
    if kind == "calendar":
        return b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n"
    some = base64.b64encode(draw(st.binary(max_size=60)))
    name = "text/html" if kind == "file" else "image/png"
    head = f"Content-Type: {name}\r\nContent-Transfer-Encoding: base64\r\n"
    return (head + 'Content-Disposition: attachment; filename="a;b"\r\n\r\n').encode() + some


@st.composite
def containers(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """A multipart: its header, and its parts between delimiters."""
    kind = draw(st.sampled_from(("mixed", "alternative", "related", "unheard-of")))
    several = draw(st.lists(st.one_of(inner, others()), min_size=1, max_size=3))
    number = 0
    boundary = b"=_0.x"
    while any(boundary in one for one in several):
        number += 1
        boundary = b"=_%d.x" % number
    padding = draw(st.sampled_from((b"", b" ", b"\t ")))
    body = draw(st.sampled_from((b"", b"before\r\n", b"-- \r\n--\r\n")))
    for one in several:
        body += b"--" + boundary + padding + b"\r\n" + one + b"\r\n"
    body += b"--" + boundary + b"--" + padding + draw(st.sampled_from((b"", b"\r\n", b"\r\nafter\r\n")))
    return b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n\r\n' % (kind.encode(), boundary) + body


FIELDS = (
    b"To: b@example.org",
    b"Subject: =?utf-8?q?Zo=C3=AB?=\r\n and more",
    b"List-Unsubscribe: <https://elsewhere.example/x>,\r\n <mailto:x@elsewhere.example>",
    b"list-id: <old.example.org>",
    b"DKIM-Signature: v=1; b=abc\r\n\tdef",
    b"ARC-Seal: i=1",
    b"Bcc: secret@example.org",
    b"X-Empty:",
    b"Received: by a\r\n\twith b",
    b"Feedback-ID: a:b",
)


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A whole mail."""
    tree = st.recursive(leaves(), containers, max_leaves=5)
    fields = [b"From: A <a@example.org>", *draw(st.lists(st.sampled_from(FIELDS), unique=True, max_size=6))]
    raw = b"\r\n".join(draw(st.permutations(fields))) + b"\r\n" + draw(tree)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


SPLINTERS = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b".\r\n",
    b"--=_0.x\r\n",
    b"--=_0.x--\r\n",
    b"=",
    b"<",
    b"</body>",
    b"<!--",
    b'"',
    b"\x1b$B",
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A mail with some of its bytes taken out, doubled or added."""
    raw = draw(mails())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        size = draw(st.integers(0, 12))
        raw = draw(
            st.sampled_from(
                (
                    raw[:at] + raw[at + size :],
                    raw[: at + size] + raw[at:],
                    raw[:at] + draw(st.sampled_from(SPLINTERS)) + raw[at:],
                )
            )
        )
    return raw
