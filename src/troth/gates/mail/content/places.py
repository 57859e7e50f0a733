"""The parts of a mail that its reader sees as the message, so that the opt-out has to stand in each of them."""

from __future__ import annotations

from troth.gates.mail.content.message import Message
from troth.gates.mail.content.parts import Part
from troth.gates.mail.errors import MailError

HTML = frozenset(("text/html", "text/x-amp-html", "text/watch-html"))
# Shown beside the text, not instead of it; an opt-out has no place in it.
_BESIDE = frozenset(("text/calendar",))
_SEALED = {
    "multipart/signed": "is signed, and a footer would break the signature",
    "multipart/encrypted": "is encrypted, so no opt-out can be put into it",
    "application/pkcs7-mime": "is signed or encrypted with S/MIME, so no opt-out can be put into it",
    "application/x-pkcs7-mime": "is signed or encrypted with S/MIME, so no opt-out can be put into it",
    "application/pgp-encrypted": "is encrypted with OpenPGP, so no opt-out can be put into it",
    "message/partial": "is a fragment of a larger message, so no opt-out can be put into it",
}
REMEDY = "Send it unsigned and unencrypted, or by a stream that is not marketing."


def body_parts(message: Message) -> tuple[Part, ...]:
    """The parts that are the message, each text/plain or HTML: of a mixed one the first, of an alternative all.

    MailError 550 5.7.1: it is signed or encrypted, or has no text to put an opt-out into.
    """
    found = _visible(message.root, message.root)
    if not found:
        text = "The message has no text and no HTML part, so the opt-out that marketing must bear has no place in it."
        raise MailError(550, "5.7.1", text)
    return tuple(found)


def _visible(part: Part, root: Part) -> list[Part]:
    sealed = _SEALED.get(part.type)
    if sealed is not None:
        raise MailError(550, "5.7.1", f"The message {sealed}. {REMEDY}")
    # RFC 2183 section 2.8: what is placed in an unknown way is an attachment.
    if part.disposition not in ("", "inline"):
        return []
    if part.type in HTML or part.type == "text/plain":
        return [part]
    if part.type == "multipart/alternative":
        return [one for child in part.parts for one in _alternative(child, root)]
    if part.type == "multipart/related":
        return _visible(_root_of(part), root)
    if part.type.startswith("multipart/") and part.type != "multipart/digest":
        for child in part.parts:
            if found := _visible(child, root):
                return found
    return []


def _alternative(part: Part, root: Part) -> list[Part]:
    """What has to bear the opt-out in one of several forms of the same message; readers show any one of them."""
    found = _visible(part, root)
    if not found and part.type.startswith("text/") and part.type not in _BESIDE and not part.disposition:
        text = f"One form of the message is {part.type}, and no opt-out can be put into that. Leave that form out."
        raise MailError(550, "5.7.1", text)
    return found


def _root_of(related: Part) -> Part:
    """The part of a multipart/related that is shown (RFC 2387): the one that `start` names, else the first."""
    start = related.parameters.get("start", "").strip("<> ")
    if start:
        for one in related.parts:
            if (one.fields.text("content-id") or "").strip("<> ") == start:
                return one
    return related.parts[0]
