"""The fields by which mail programs offer to leave a list with one click (RFC 2369, RFC 8058, RFC 2919)."""

from __future__ import annotations

import re

_LIST_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+\Z")
_URI = re.compile(r"[!-;=?-~]{1,900}\Z")  # no space, and no angle bracket
_HTTPS = re.compile(r"https://|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/]")
_FEEDBACK = re.compile(r"[A-Za-z0-9._-]{1,40}\Z")


def list_headers(
    *,
    unsubscribe_url: str,
    unsubscribe_mailto: str | None,
    list_id: str,
    list_name: str = "",
    feedback: tuple[str, ...] = (),
) -> tuple[tuple[str, str], ...]:
    """The fields of a marketing message, as name and value.

    `unsubscribe_url` takes the POST of RFC 8058 and begins with https (on this machine alone http will do), and
    `unsubscribe_mailto` with mailto. `list_id` names the list below a domain of who sends, such as
    `newsletter.example.org`; `list_name` is for people, in ASCII. `feedback` is what Feedback-ID says, from the closest
    to the widest, at most four words, the last the sender of 5 to 15 characters. ValueError: one is not of that form.
    """
    if not (_HTTPS.match(unsubscribe_url) and _URI.match(unsubscribe_url)):
        raise ValueError(f"The address that takes the opt-out is no https URL: {unsubscribe_url[:60]!r}.")
    uris = [f"<{unsubscribe_url}>"]
    if unsubscribe_mailto is not None:
        if not (unsubscribe_mailto.startswith("mailto:") and _URI.match(unsubscribe_mailto)):
            raise ValueError(f"The address that takes the opt-out is no mailto: {unsubscribe_mailto[:60]!r}.")
        uris.append(f"<{unsubscribe_mailto}>")
    if not _LIST_ID.match(list_id) or len(list_id) > 255:
        raise ValueError(f"'{list_id[:60]}' is no List-Id, such as newsletter.example.org.")
    made = [("List-Unsubscribe", ", ".join(uris)), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    name = " ".join(re.sub(r'[^ -~]|["\\<>]', " ", list_name).split())
    made.append(("List-Id", f'"{name}" <{list_id}>' if name else f"<{list_id}>"))
    if feedback:
        if len(feedback) > 4 or not all(map(_FEEDBACK.match, feedback)) or not 5 <= len(feedback[-1]) <= 15:
            raise ValueError("Feedback-ID has at most four words, the last the sender of 5 to 15 characters.")
        made.append(("Feedback-ID", ":".join(feedback)))
    return tuple(made)
