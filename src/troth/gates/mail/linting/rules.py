"""The rules of `troth mail lint`: what each asks, what to do, and who says so (docs/reference/mail-lint.md)."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]

GOOGLE = "Google, Email sender guidelines (support.google.com/mail/answer/81126)"
BULK = f"{GOOGLE}; Yahoo, Sender best practices (senders.yahooinc.com)"
OPT_OUT = (
    "15 U.S.C. 7704(a)(3) and (5)(A)(ii) (CAN-SPAM), 16 CFR 316.5; CASL s. 6(2)(c) and s. 11; PECR reg. 22(3)(c) and 23"
)
ADDRESS = "15 U.S.C. 7704(a)(5)(A)(iii), 16 CFR 316.2(p); CASL s. 6(2)(a) and (b), SOR/2012-36 s. 2; PECR reg. 23"
DECEPTION = "15 U.S.C. 7704(a)(1) and (2); Competition Act (Canada) s. 74.011; PECR reg. 23"


class Rule(msgspec.Struct, frozen=True):
    """A rule: whether breaking it is an error, what it asks, what to do, and its source."""

    severity: Severity
    asks: str
    remedy: str
    source: str
    marketing: bool = False  # asked of marketing alone


RULES: dict[str, Rule] = {
    "readable": Rule(
        "error",
        "The message can be read in one way only.",
        "Mend what the message says; the gate refuses it as it is.",
        "RFC 5322, RFC 2045, RFC 2046",
    ),
    "bears-opt-out": Rule(
        "error",
        "An opt-out can be put into the message.",
        "Send it unsigned, unencrypted, and as text and HTML in UTF-8.",
        OPT_OUT,
        marketing=True,
    ),
    "date": Rule(
        "error", "There is a Date, and it is now.", "Write when the message was made.", "RFC 5322 section 3.6.1"
    ),
    "message-id": Rule(
        "error",
        "There is a Message-ID of the form <left@right>.",
        "Give each message an id of its own, with a domain of yours.",
        f"RFC 5322 section 3.6.4; {GOOGLE}",
    ),
    "mime-version": Rule(
        "warning", "A message with MIME fields says MIME-Version.", "Add MIME-Version: 1.0.", "RFC 2045 section 4"
    ),
    "from-domain": Rule(
        "error",
        "From is a domain of your own, which can sign for it.",
        "Write from a domain for which you publish DKIM, SPF and DMARC.",
        f"{BULK}; RFC 7489",
    ),
    "from-name": Rule(
        "warning",
        "The name in From says who writes, and no address but the real one.",
        "Leave addresses out of the name.",
        DECEPTION,
    ),
    "reply-address": Rule(
        "note",
        "People can answer.",
        "Use an address that somebody reads; Troth takes the word unsubscribe there for an opt-out.",
        "PECR reg. 23; CASL SOR/2012-36 s. 2",
        marketing=True,
    ),
    "bcc": Rule(
        "warning", "No Bcc is in the header.", "Leave Bcc out; the gate takes it out.", "RFC 5322 section 3.6.3"
    ),
    "subject": Rule("warning", "There is a Subject.", "Say in it what the message is about.", GOOGLE),
    "subject-misleads": Rule(
        "warning",
        "The subject does not feign an answer, a debt or an alarm.",
        "Say plainly what the message is about.",
        DECEPTION,
        marketing=True,
    ),
    "list-unsubscribe": Rule(
        "error",
        "List-Unsubscribe has one https address.",
        "Let the gate add it, or write List-Unsubscribe: <https://…>.",
        f"RFC 2369 section 3.2, RFC 8058 section 3.1; {BULK}",
        marketing=True,
    ),
    "list-unsubscribe-post": Rule(
        "error",
        "List-Unsubscribe-Post says List-Unsubscribe=One-Click.",
        "Let the gate add it, or write exactly that.",
        f"RFC 8058 section 3.1; {BULK}",
        marketing=True,
    ),
    "list-unsubscribe-mailto": Rule(
        "note",
        "List-Unsubscribe has a mailto too.",
        "Let the gate add it; some mail programs offer nothing else.",
        "RFC 2369 section 3.2",
        marketing=True,
    ),
    "list-once": Rule(
        "error", "No list field is there twice.", "Keep one of each.", "RFC 2369 section 4, RFC 2919 section 3"
    ),
    "list-id": Rule(
        "warning",
        "List-Id names the list.",
        "Let the gate add it, or write List-Id: <newsletter.example.org>.",
        "RFC 2919 section 3",
        marketing=True,
    ),
    "dkim-signed": Rule(
        "note",
        "The message is signed with DKIM.",
        "The gate signs what it sends once the domain has keys: troth mail key DOMAIN.",
        f"RFC 6376; {BULK}",
    ),
    "dkim-aligned": Rule(
        "warning",
        "A signature is by the domain of From, or one above or below it.",
        "Sign with a key of the domain in From.",
        f"RFC 7489 section 3.1.1; {BULK}",
    ),
    "dkim-covers": Rule(
        "error",
        "The signature covers From and the fields that opt out.",
        "Sign List-Unsubscribe and List-Unsubscribe-Post too.",
        "RFC 6376 section 5.4, RFC 8058 section 4",
    ),
    "dkim-whole": Rule(
        "warning",
        "The signature covers the whole body, by SHA-256.",
        "Sign without l=, and not with rsa-sha1.",
        "RFC 6376 section 8.2, RFC 8301",
    ),
    "plain-text": Rule(
        "warning",
        "HTML comes with the same in plain text.",
        "Send multipart/alternative: text/plain first, then text/html.",
        "RFC 2046 section 5.1.4; WCAG 2.2, 4.1",
    ),
    "opt-out-text": Rule(
        "error",
        "The plain text says how to opt out.",
        "Let the gate add the footer, or write the link.",
        OPT_OUT,
        marketing=True,
    ),
    "opt-out-html": Rule(
        "error",
        "The HTML has a link to opt out that can be seen.",
        "Let the gate add the footer, or write the link.",
        OPT_OUT,
        marketing=True,
    ),
    "opt-out-hidden": Rule(
        "error",
        "No opt-out is hidden.",
        "Show it in letters as large and as dark as the rest.",
        f"{OPT_OUT}; 15 U.S.C. 7704(a)(5)(A): clear and conspicuous",
        marketing=True,
    ),
    "postal-address": Rule(
        "warning",
        "The message has a postal address, as far as can be told.",
        "Let the gate add the footer, or write street or box, place and code.",
        ADDRESS,
        marketing=True,
    ),
    "size": Rule(
        "warning",
        "The HTML is smaller than 102 kB, beyond which Gmail cuts it off, and the opt-out with it.",
        "Shorten it; styles and links count too.",
        "Gmail shows [Message clipped] above 102 kB",
    ),
    "images-only": Rule(
        "warning",
        "The HTML says what it says in text too.",
        "Write the text as text: pictures are often not shown.",
        f"WCAG 2.2, 1.4.5; {GOOGLE}",
    ),
    "image-alt": Rule(
        "warning", "Every picture has a text.", 'Add alt="…", or alt="" to ornaments.', "WCAG 2.2, 1.1.1"
    ),
    "tracking-pixel": Rule(
        "warning",
        "No invisible picture reports who opens the message.",
        "Leave it out, or state it in the policy and ask first.",
        "ePrivacy Directive art. 5(3), EDPB Guidelines 2/2023; PECR reg. 6",
    ),
    "active-content": Rule(
        "error", "There is no script, form or frame.", "Leave it out; mail programs take it out or refuse.", GOOGLE
    ),
    "dark-mode": Rule(
        "warning",
        "Colours come in pairs: of the text and behind it.",
        "Set both on the same element, so that dark mode changes both.",
        "WCAG 2.2, 1.4.3",
    ),
    "language": Rule("note", "The HTML names its language.", 'Write <html lang="en">.', "WCAG 2.2, 3.1.1"),
    "link-text": Rule(
        "warning",
        "A link that shows an address leads to it.",
        "Show the address to which it leads, or words.",
        f"{GOOGLE}; 15 U.S.C. 7704(a)(1)",
    ),
    "link-address": Rule(
        "warning",
        "Links begin with https and a name.",
        "Use https, a host name and no shortener.",
        GOOGLE,
    ),
    "link-hosts": Rule(
        "note",
        "Links lead to the domain of From.",
        "Check that these belong there; who clicks is known to each of them.",
        f"{GOOGLE}; GDPR art. 13(1)(e)",
    ),
    "charset": Rule(
        "note", "Text is in UTF-8.", "Declare charset=utf-8, and write it.", "RFC 6657, RFC 2046 section 4.1.2"
    ),
    "attachment": Rule(
        "error",
        "No attachment is a program.",
        "Leave it out, and link to a page.",
        "Google, File types blocked in Gmail (support.google.com/mail/answer/6590)",
    ),
}
