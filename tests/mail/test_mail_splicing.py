"""Splicing: the opt-out stands where it is seen, encoded as its part is, and nothing else changes."""

from __future__ import annotations

import base64
import email
import email.policy
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mails import FOOTER, HEADERS, MARKETING, OPT_OUT, body_of, crlf, simple, spliced

from troth.gates.mail.content.encoded import quoted
from troth.gates.mail.content.footer import WORDS, Footer, as_html, as_text
from troth.gates.mail.content.language import message_language
from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.splicing import Insertions, as_field, edits, splice
from troth.gates.mail.errors import MailError

LINK = OPT_OUT.encode()


def refused(raw: bytes) -> MailError:
    with pytest.raises(MailError) as caught:
        splice(read_message(raw), MARKETING)
    assert (caught.value.code, caught.value.enhanced) == (550, "5.7.1")
    return caught.value


def html(body: str, *fields: str, encoding: str = "8bit", charset: str = "utf-8") -> bytes:
    return simple(
        body, f"Content-Type: text/html; charset={charset}", f"Content-Transfer-Encoding: {encoding}", *fields
    )


# --- the header -------------------------------------------------------------------------------------------------------


def test_fields_are_put_on_top_and_replace_what_was_there() -> None:
    stale = (
        "List-Unsubscribe: <https://elsewhere.example/>",
        "list-id: <old.example.org>",
        "List-Help: <https://elsewhere.example/>\n <https://b.example>",
        "Feedback-ID: x:y",
        "DKIM-Signature: v=1; a=rsa-sha256;\n b=abc",
        "ARC-Seal: i=1",
        "ARC-Message-Signature: i=1",
        "ARC-Authentication-Results: i=1",
        "DomainKey-Signature: a=rsa-sha1",
        "X-Kept: yes",
        "Bcc: secret@example.org",
    )
    out = spliced(simple("Hello\n", *stale))
    head = out.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"List-Unsubscribe: <" + LINK + b">,\r\n <mailto:u+abcdefgh@example.org>\r\n")
    assert b"elsewhere" not in out
    assert b"secret" not in out
    assert head.endswith(b"From: A <a@example.org>\r\nSubject: Hi\r\nX-Kept: yes")


def test_without_insertions_only_what_never_goes_on_is_taken_out() -> None:
    raw = simple("Hello\n", "DKIM-Signature: v=1", "List-Id: <a.example.org>")
    assert spliced_plain(raw) == raw
    hidden = raw.replace(
        b"Subject: Hi\r\n", b"Subject: Hi\r\nBcc: x@example.org,\r\n y@example.org\r\nReturn-Path: <>\r\n"
    )
    assert spliced_plain(hidden) == raw


def test_a_field_that_is_no_list_field_leaves_signatures_and_lists_alone() -> None:
    raw = simple("Hello\n", "DKIM-Signature: v=1", "List-Id: <a.example.org>")
    out = splice(read_message(raw), Insertions((("Message-ID", "<x@example.org>"),)))
    assert out == b"Message-ID: <x@example.org>\r\n" + raw


def spliced_plain(raw: bytes) -> bytes:
    return splice(read_message(raw), Insertions())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nBcc: b"),
        ("X", "a\nb"),
        ("X:", "a"),
        ("", "a"),
        ("X", ""),
        ("X", "ü"),
        ("X", "y" * 1000),
        ("X", "\0"),
    ],
)
def test_a_field_that_would_be_another_is_an_error_of_the_caller(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"field|value"):
        as_field(name, value)


def test_long_fields_are_folded_at_spaces() -> None:
    made = as_field("X-Long", " ".join(["word"] * 40))
    assert max(map(len, made.split(b"\r\n"))) <= 78
    assert made.replace(b"\r\n ", b" ") == b"X-Long: " + b" ".join([b"word"] * 40) + b"\r\n"


# --- plain text -------------------------------------------------------------------------------------------------------


def test_plain_text_ends_with_the_footer() -> None:
    out = spliced(simple("Hello\n"))
    lines = out.partition(b"\r\n\r\n")[2].decode().split("\r\n")
    assert lines[:2] == ["Hello", ""]
    assert lines[-1] == ""
    assert f"Unsubscribe: {OPT_OUT}" in lines
    assert "Goleta, CA 93117, USA" in lines
    assert 'We e-mail you news of our products - "unless" you opt out & say so.' in lines  # in letters of 7bit


def test_a_mail_without_a_body_gets_one() -> None:
    for raw in (simple(""), crlf("From: a@example.org\nSubject: x\n")):
        out = spliced(raw)
        assert LINK in body_of(out)
        assert email.message_from_bytes(out)["Subject"] in ("Hi", "x")


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "iso-2022-jp"])
@pytest.mark.parametrize("nested", [False, True])
def test_text_in_every_encoding_and_charset(encoding: str, end: str, charset: str, nested: bool) -> None:
    text = {"iso-2022-jp": "こんにちは = x"}.get(charset, "Gr\u00fc\u00dfe = x" if encoding != "7bit" else "Hello = x")
    some = (text + end).replace("\n", "\r\n").encode(charset)
    if encoding == "quoted-printable":
        some = b"\r\n".join(quopri.encodestring(line) for line in some.split(b"\r\n"))
    elif encoding == "base64":
        some = base64.encodebytes(some).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    kind = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    if nested:
        raw = simple("", "Content-Type: multipart/mixed; boundary=b").removesuffix(b"\r\n")
        raw += b"\r\n--b\r\n" + kind.encode() + b"\r\n" + some + b"\r\n--b--\r\n"
    else:
        raw = simple("", *kind.replace("\r", "").strip().split("\n")) + some
        raw += b"" if raw.endswith(b"\r\n") else b"\r\n"
    out = spliced(raw)
    parsed = email.message_from_bytes(out, policy=email.policy.default)
    body = parsed.get_body()
    assert body is not None
    shown = body.get_content().replace("\r\n", "\n")
    assert shown.startswith(text)
    assert re.search(r"\n\n_{40}\n", shown)
    assert f"\nUnsubscribe: {OPT_OUT}\n" in shown
    assert "= x_" not in shown
    widest = 76 if encoding in ("quoted-printable", "base64") else 998
    tail = out.partition(b"\r\n\r\n")[2]
    assert max(map(len, tail.split(b"\r\n"))) <= widest


def test_what_a_charset_has_not_is_written_plainly_or_refused() -> None:
    footer = Footer("Größe — São", OPT_OUT, OPT_OUT, "Zürich, Łódź", "de")
    plain = splice(read_message(simple("Hello\n")), Insertions(HEADERS, footer))
    assert b"Grosse - Sao" in plain
    assert b"Zurich, Lodz" in plain
    latin = simple("Hello\n", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit")
    assert "Größe - São".encode("latin-1") in splice(read_message(latin), Insertions(HEADERS, footer))
    greek = Footer("Καλημέρα", OPT_OUT, OPT_OUT, "Αθήνα")
    for raw, says in ((simple("Hello\n"), "7bit"), (latin, "iso-8859-1")):
        with pytest.raises(MailError, match=f"cannot be written into the plain text, which is .*{says}.*UTF-8"):
            splice(read_message(raw), Insertions(HEADERS, greek))
    assert b"&#922;" in splice(read_message(html("<p>x</p>\n", charset="us-ascii")), Insertions((), greek))


def test_flowed_text_gets_lines_that_do_not_flow() -> None:
    flowed = 'Content-Type: text/plain; format=flowed; delsp=yes; charset="us-ascii"'
    footer = Footer("From time to time we write. > And more.", OPT_OUT, OPT_OUT, "> A", "en")
    out = splice(read_message(simple("Hello \nworld \n", flowed)), Insertions((), footer))
    added = out.partition(b"world \r\n")[2].split(b"\r\n")
    assert added[0] == b""
    assert b" From time to time we write. > And more." in added
    assert b" > A" in added
    assert not [line for line in added if line.endswith(b" ")]


def test_a_soft_line_break_at_the_end_is_closed() -> None:
    for tail in ("=", "= ", "=\n", "=\n\n"):
        body = f"--b\nContent-Transfer-Encoding: quoted-printable\n\nHello{tail}\n--b--\n"
        shown = body_of(spliced(simple(body, "Content-Type: multipart/mixed; boundary=b")))
        assert re.match(rb"Hello\r\n\r\n+_{40}", shown), shown
    out = spliced(simple("Hello=\n", "Content-Transfer-Encoding: quoted-printable"))
    assert body_of(out).startswith(b"Hello\r\n\r\n____")


@pytest.mark.parametrize("width", [4, 7, 61, 76, 996])
@pytest.mark.parametrize("size", range(9))
def test_base64_of_every_width_and_remainder(width: int, size: int) -> None:
    text = base64.b64encode(b"x" * 40 + b"y" * size).decode()
    rows = "".join(text[at : at + width] + "\n" for at in range(0, len(text), width))
    shown = body_of(spliced(simple(rows, "Content-Transfer-Encoding: base64")))
    assert shown.startswith(b"x" * 40 + b"y" * size + b"\r\n\r\n____")


# --- HTML -------------------------------------------------------------------------------------------------------------

DOCUMENTS = {
    "<html><body><p>x</p>|</body></html>": "the end of the body",
    "<html><body><p>x</p>|</BODY\n ></html>": "an end tag with space in it",
    "<p>x</p>|": "a fragment",
    "x|": "no tag at all",
    "<html><p>x</p>|</html>": "no body",
    "<!-- </body> --><body>x|</body><!-- </body> -->": "comments",
    "<!--[if mso]></body><![endif]--><body>x|</body>": "conditional comments",
    "<!--><body>x|</body>": "an empty comment",
    "<!---><body>x|</body>": "another empty comment",
    "<script>'</body>'</script><body>x|</body>": "a script",
    "<style>/* </body> */</style ><body>x|</body>": "a style",
    "<title></body></title><body>x|</body>": "a title",
    "<textarea></body></textarea>x|</body>": "a text area",
    "<template></body></template>x|</body>": "a template",
    '<a title="</body>">x|</body>': "an attribute in quotes",
    "<a title = '</body>' b>x|</body>": "an attribute in single quotes",
    '<a b"c>x|</body>': "a stray quote",
    "<body>x</body>y|</body>z": "two ends: the last is the end",
    "<?php </body ?><![CDATA[x]]><body>x|</body>": "bogus comments",
    "<body>x|</body><!-- no end </body>": "a comment without end behind it",
    "x < y </ z <1> |</body>": "less-than signs",
    "<bodyx></bodyx>|</body>": "a longer name",
    "<SCRIPT></body></Script></scripts>x|</body>": "names in any case",
    '<div style="display:none">a<div>b</div></div><p>x</p>|</body>': "a hidden line that is closed",
    "<details><div hidden></details>x|</body>": "what is hidden within what is closed",
    "<p hidden>a<p>x|</body>": "a hidden paragraph, which the next one closes",
    "<div hidden><svg><path d='x'/></svg></div>x|</body>": "a hidden drawing",
    "<p hidden>a|</body>": "a hidden paragraph, which the footer closes",
    "<div><p hidden>a</div><table><tr><td>x</table>|</body>": "a hidden paragraph before a table",
    "<img hidden>x|</body><div hidden>": "what has no end, and what is behind",
    "<table><tr><td style='display:none'>a<td>x</table>|</body>": "a hidden cell",
}


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_footer_stands_where_it_is_seen(document: str, encoding: str) -> None:
    before, _, after = document.partition("|")
    raw = html_in(before + after, encoding)
    shown = body_of(spliced(raw)).decode()
    start = shown.index('<div lang="en"')
    assert shown[:start].rstrip() == before.replace("\n", "\r\n").rstrip()
    assert shown.rstrip().endswith(after.replace("\n", "\r\n") or "</div>")


def html_in(document: str, encoding: str) -> bytes:
    some = document.replace("\n", "\r\n").encode()
    if encoding == "quoted-printable":
        some = re.sub(rb"[=<]", lambda found: b"=%02x" % ord(found[0]), some)  # as hard to find as may be
        some = some.replace(b"body", b"bo=\r\ndy")
    if encoding == "base64":
        some = base64.b64encode(some)
        some = b"\r\n".join(some[at : at + 30] for at in range(0, len(some), 30))
    return html("", encoding=encoding) + some + b"\r\n"


HIDING = {
    "<body>x<!-- </body></html>": "a comment",
    "<body>x<script></body></html>": "<script>",
    "<body>x<style></body></html>": "<style>",
    "<body>x<plaintext></body></html>": "<plaintext>",
    "<body>x<title></body></html>": "<title>",
    '<body>x<a href="</body></html>': "<a>",
    "<body>x<a </body": "<a>",
    "<body>x<? ": "a comment",
    "<body>x<noembed></body>": "<noembed>",
}


OPEN = {
    "<body><div style='display: none'>x</body>": "div",
    "<body><div style='DISPLAY:NONE !important'><div>x</div></body>": "div",
    "<body><span hidden>x<b>y</b></body>": "span",
    "<body hidden>x</body>": "body",
    '<html style="visibility:hidden"><body>x</body></html>': "html",
    "<div style='opacity:0'>x": "div",
    "<section style='max-height:0;overflow:hidden'>x</body>": "section",
    "<details>x</body>": "details",
    "<div hidden><table><tr><td></div></body>": "div",
    "<span hidden><div></span></body>": "span",
    "<p hidden><table><tr><td></body>": "p",
    "<video><svg><p></svg></video>": "video",
    "<div hidden><div></div></body>": "div",
    "<dialog><div>x</div></body>": "dialog",
    "<select>x</body>": "select",
    "<video></div></body>": "video",
    "<frameset><frame></frameset><frameset>": "frameset",
}


@pytest.mark.parametrize("document", OPEN)
def test_html_that_leaves_open_what_hides_is_refused(document: str) -> None:
    assert f"leaves <{OPEN[document]}> open" in refused(html(document + "\n")).text


@pytest.mark.parametrize("document", HIDING)
def test_html_that_would_hide_the_footer_is_refused(document: str) -> None:
    assert f"ends within {HIDING[document]}" in refused(html(document + "\n")).text


def test_shifted_bytes_of_iso_2022_jp_are_no_tags() -> None:
    # In the two-byte state `</body>` is not ASCII; the real one comes later.
    some = b"<p>\x1b$B</body>$\x1b(B</p></body>\r\n"
    raw = html("", encoding="7bit", charset="iso-2022-jp") + some
    try:
        some.decode("iso-2022-jp")
    except UnicodeDecodeError:
        some = b"<p>\x1b$B" + "ｆ".encode("iso-2022-jp")[3:-3] + b"\x1b(B</p></body>\r\n"
        raw = html("", encoding="7bit", charset="iso-2022-jp") + some
    shown = body_of(spliced(raw))
    assert shown.index(b"</p>") < shown.index(LINK) < shown.rindex(b"</body>")


def test_the_footer_in_html_is_escaped_ascii_with_its_own_colours() -> None:
    footer = Footer("<b>&\"'ü</b>", OPT_OUT + "?a=1&b=2", OPT_OUT, "A <i>\nB", "fr")
    made = as_html(footer)
    assert made.isascii()
    assert "<b>" not in made
    assert "<i>" not in made
    assert "&lt;b&gt;&amp;&quot;&#x27;&#252;&lt;/b&gt;" in made
    assert f'href="{OPT_OUT}?a=1&amp;b=2"' in made
    assert 'lang="fr"' in made
    assert ">Se d&#233;sinscrire</a>" in made
    assert "background-color:#ffffff;color:#333333" in made
    assert 'lang="ar" dir="rtl"' in as_html(Footer("نرسل", OPT_OUT, OPT_OUT, "A", "ar"))
    assert 'lang="en"' in as_html(Footer("x", OPT_OUT, OPT_OUT, "A", 'x" onload="y'))


@pytest.mark.parametrize("language", WORDS)
def test_every_language_fits_on_the_lines_of_a_mail(language: str) -> None:
    footer = Footer("広告" * 1500, OPT_OUT, OPT_OUT, "日本" * 1500, language)
    for raw in (
        simple("x\n", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"),
        html("x\n"),
    ):
        out = splice(read_message(raw), Insertions((), footer))
        read_message(out)
    assert "".join(as_text(footer)).count("広告") == 1500


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://a b", "https://a\r\nx", "https://ü.example"])
def test_a_footer_has_whole_addresses(url: str) -> None:
    with pytest.raises(ValueError, match="no URL"):
        Footer("x", url, OPT_OUT, "A")
    with pytest.raises(ValueError, match="no URL"):
        Footer("x", OPT_OUT, url, "A")
    with pytest.raises(ValueError, match="postal address"):
        Footer("x", OPT_OUT, OPT_OUT, " \n")


# --- which parts ------------------------------------------------------------------------------------------------------


def parts(kind: str, *some: str) -> str:
    """A multipart as a part: its type and its parts, each with its header."""
    boundary = f"b{len(''.join(some))}e"
    inner = "".join(f"--{boundary}\n{one}\n" for one in some)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\n\n{inner}--{boundary}--\n"


def mail(part: str) -> bytes:
    return crlf(f"From: a@example.org\nSubject: x\n{part}")


TEXT = "Content-Type: text/plain\n\nTEXT"
PAGE = "Content-Type: text/html\n\nPAGE"
AMP = "Content-Type: text/x-amp-html\n\nAMP"
CALENDAR = "Content-Type: text/calendar; method=REQUEST\n\nCALENDAR"
FILE = "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nFILE"
ODD = "Content-Type: text/html\nContent-Disposition: x-odd\n\nODD"
PICTURE = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo="
LETTER = "Content-Type: message/rfc822\n\nFrom: x\nContent-Type: text/html\n\nLETTER"
NOTES = "Content-Type: text/plain\nContent-Disposition: inline\n\nNOTES"

SHAPES = {
    parts("alternative", TEXT, PAGE): "TEXT PAGE",
    parts("alternative", TEXT, AMP, PAGE): "TEXT AMP PAGE",
    parts("alternative", TEXT, PAGE, CALENDAR): "TEXT PAGE",
    parts("alternative", TEXT, parts("related", PAGE, PICTURE)): "TEXT PAGE",
    parts("alternative", TEXT, parts("mixed", PAGE, FILE)): "TEXT PAGE",
    parts("mixed", TEXT, FILE, PICTURE): "TEXT",
    parts("mixed", FILE, TEXT): "TEXT",
    parts("mixed", ODD, PAGE): "PAGE",
    parts("mixed", LETTER, TEXT): "TEXT",
    parts("mixed", TEXT, LETTER): "TEXT",
    parts("mixed", TEXT, NOTES): "TEXT",
    parts("mixed", NOTES, PAGE): "NOTES",
    parts("mixed", PICTURE, parts("alternative", TEXT, PAGE), PAGE): "TEXT PAGE",
    parts("mixed", parts("related", parts("alternative", TEXT, PAGE), PICTURE), FILE): "TEXT PAGE",
    parts("unheard-of", TEXT, PAGE): "TEXT",
    parts('related; start="<two@x>"', PAGE, f"Content-ID: <two@x>\n{TEXT}"): "TEXT",
    parts('related; start="<none@x>"', PAGE, TEXT): "PAGE",
}


@pytest.mark.parametrize("part", SHAPES)
def test_the_footer_stands_in_every_form_of_the_message_and_nowhere_else(part: str) -> None:
    out = spliced(mail(part))
    leaves = [one for one in read_message(out).root.walk() if not one.parts]
    bearing = [out[one.body : one.end] for one in leaves if LINK in out[one.body : one.end]]
    assert [some.split(b"\r\n")[0].split(b" ")[0].decode() for some in bearing] == SHAPES[part].split()


NO_PLACE = {
    parts('signed; protocol="application/pgp-signature"', TEXT, PICTURE): "is signed",
    parts("mixed", parts("signed; micalg=x", TEXT, PICTURE), FILE): "is signed",
    parts("encrypted", TEXT, PICTURE): "is encrypted",
    "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx\n": "S/MIME",
    "Content-Type: application/x-pkcs7-mime\n\nx\n": "S/MIME",
    "Content-Type: message/partial; id=x; number=1\n\nx\n": "fragment",
    "Content-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\nx\n": "OpenPGP",
    "Content-Type: text/plain\n\nx\n-----BEGIN PGP SIGNED MESSAGE-----\nx\n": "OpenPGP",
    parts("mixed", FILE, PICTURE): "no text and no HTML",
    parts("digest", "\nFrom: x\n\ny"): "no text and no HTML",
    CALENDAR + "\n": "no text and no HTML",
    PICTURE + "\n": "no text and no HTML",
    FILE + "\n": "no text and no HTML",
    LETTER + "\n": "no text and no HTML",
    parts("alternative", TEXT, "Content-Type: text/enriched\n\nx"): "text/enriched",
    "Content-Type: text/plain; charset=utf-7\n\nx\n": "utf-7",
    "Content-Type: text/html; charset=utf-16\n\nx\n": "utf-16",
    "Content-Type: text/plain; charset=iso-2022-kr\n\nx\n": "iso-2022-kr",
    "Content-Type: text/plain; charset=no-such\n\nx\n": "no-such",
    "Content-Type: text/plain; charset=rot13\n\nx\n": "rot13",
    "Content-Type: text/plain; charset=us-ascii\n\nü\n": "cannot be decoded as us-ascii",
    "\nü\n": "cannot be decoded as US-ASCII, which no charset means",
    "Content-Transfer-Encoding: x-uuencode\n\nx\n": "no transfer encoding",
    "Content-Transfer-Encoding: base64\n\nYQ=\n": "base64 is not whole",
    "Content-Transfer-Encoding: base64\n\nYQ==YQ==\n": "base64 is not whole",
    "Content-Transfer-Encoding: base64\n\nY*Q=\n": "base64 is not whole",
    "Content-Transfer-Encoding: base64\n\nYWJj=\n": "base64 is not whole",
    "Content-Transfer-Encoding: base64\n\nYWJj\n=\n": "base64 is not whole",
    "Content-Transfer-Encoding: quoted-printable\n\na=b\n": "'=' in quoted-printable",
}


@pytest.mark.parametrize("part", NO_PLACE)
def test_marketing_that_cannot_bear_the_opt_out_is_refused(part: str) -> None:
    assert NO_PLACE[part] in refused(mail(part)).text
    # As a service message it passes as it is.
    assert splice(read_message(mail(part)), Insertions()) == mail(part)


def test_a_text_that_is_not_what_its_charset_says_is_refused() -> None:
    raw = simple("x\n", "Content-Type: text/plain; charset=utf-8").replace(b"\r\nx", b"\r\n\xff\xfe")
    assert "cannot be decoded as utf-8" in refused(raw).text


def test_every_edit_adds_or_takes_out_a_whole_field() -> None:
    raw = mail(parts("mixed", parts("alternative", TEXT, PAGE), FILE))
    for edit in edits(read_message(raw), MARKETING):
        assert edit.start == edit.end
        assert edit.new


LANGUAGES = {
    "Content-Language: de-AT, en\n\nx\n": "de-at",
    "Content-Type: text/html\n\n<!doctype html><html class=\"a\" lang='fr'>x\n": "fr",
    "Content-Type: text/html\n\n<html xml:lang=x><body lang=de>x\n": None,
    "Content-Type: text/html\n\n<p>x\n": None,
    "Content-Language: ?\n\nx\n": None,
    parts("alternative", "Content-Language: nl\n" + TEXT, PAGE): "nl",
    parts("signed", TEXT, PICTURE): None,
}


@pytest.mark.parametrize("part", LANGUAGES)
def test_the_language_is_that_of_the_message(part: str) -> None:
    assert message_language(read_message(mail(part))) == LANGUAGES[part]
    assert FOOTER.words == ("Unsubscribe", "Your choices")


@given(st.lists(st.sampled_from((b"a", b"=", b" ", b"\t", b"\xc3", b"\r\n", b"x" * 73, b"\x00", b".")), max_size=60))
def test_quoted_printable_is_read_elsewhere_as_it_was(pieces: list[bytes]) -> None:
    some = b"".join(pieces)
    made = quoted(some)
    assert quopri.decodestring(made).replace(b"\r\n", b"\n") == some.replace(b"\r\n", b"\n")
    assert max(map(len, made.split(b"\r\n"))) <= 76
    assert not re.search(rb"[ \t](\r\n|\Z)", made)
