"""The footer of a marketing message: the sentence of the policy, the two links, and the postal address.

CAN-SPAM (15 U.S.C. 7704(a)(3) to (5)), CASL (section 6(2)) and PECR (regulation 23) ask for a working opt-out and for
who sends it and where they are; here both stand in the text and in the HTML, in the language of the message.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from functools import lru_cache

import msgspec

_URL = re.compile(r"https?://[!-~]{1,900}\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z")
_WIDEST = 72
_RULE = "_" * 40

# The words around the links: what the one that opts out says, and what the one to all choices says.
WORDS: dict[str, tuple[str, str]] = {
    "en": ("Unsubscribe", "Your choices"),
    "ar": ("إلغاء الاشتراك", "اختياراتك"),
    "cs": ("Odhlásit odběr", "Vaše volby"),
    "da": ("Afmeld", "Dine valg"),
    "de": ("Abmelden", "Ihre Einstellungen"),
    "es": ("Darse de baja", "Sus preferencias"),
    "fi": ("Peruuta tilaus", "Valintasi"),
    "fr": ("Se désinscrire", "Vos choix"),
    "it": ("Annulla l’iscrizione", "Le Sue scelte"),
    "ja": ("配信停止", "設定の変更"),
    "nb": ("Meld deg av", "Dine valg"),
    "nl": ("Afmelden", "Uw keuzes"),
    "pl": ("Wypisz się", "Twoje wybory"),
    "pt": ("Cancelar a subscrição", "As suas escolhas"),
    "sv": ("Avsluta prenumerationen", "Dina val"),
    "zh": ("退订", "您的选择"),
}
_RIGHT_TO_LEFT = frozenset(("ar", "fa", "he", "ur"))
# Letters and signs that decompose into nothing of ASCII, and what is written for them where a charset has no others.
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "..."}
    | {"·": "-", "•": "*", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l"}
    | {"Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "\u00a0": " ", "\u202f": " ", "\u2011": "-", "€": "EUR"}
)


class Footer(msgspec.Struct, frozen=True):
    """What is added to the body. The addresses are whole URLs in ASCII; a postal address may have several lines."""

    sentence: str
    unsubscribe_url: str
    preferences_url: str
    postal_address: str
    language: str = "en"

    def __post_init__(self) -> None:
        for name in ("unsubscribe_url", "preferences_url"):
            if not _URL.match(getattr(self, name)):
                raise ValueError(f"{name} of a footer is no URL in ASCII: {getattr(self, name)[:60]!r}.")
        if not self.postal_address.strip():
            raise ValueError("A footer needs the postal address of who sends the mail.")

    @property
    def words(self) -> tuple[str, str]:
        """What the two links say, in the language, or in English where it has no words."""
        return WORDS.get(self.language.lower().partition("-")[0], WORDS["en"])


def as_text(footer: Footer) -> list[str]:
    """The lines of the footer for plain text, none with space at its end: 72 characters, more only for a long word."""
    opt_out, choices = footer.words
    lines = [_RULE, *_wrapped(footer.sentence)]
    lines += [f"{opt_out}: {footer.unsubscribe_url}", f"{choices}: {footer.preferences_url}"]
    for line in footer.postal_address.splitlines():
        lines += _wrapped(line)
    return lines


def as_html(footer: Footer) -> str:
    """The footer for HTML, in ASCII: whatever else is written as numbers, so that it is right in every charset.

    It brings its own colours, both of the text and behind it, so that it can be read on any background, and a client
    that darkens mail darkens both together.
    """
    opt_out, choices = map(_escaped, footer.words)
    link = 'style="color:#0b57a4;text-decoration:underline"'
    address = [_rows(" ".join(line.split())) for line in footer.postal_address.strip().splitlines()]
    language = footer.language if _LANGUAGE.match(footer.language) else "en"
    side, direction = ("right", "rtl") if language[:2].lower() in _RIGHT_TO_LEFT else ("left", "ltr")
    lines = (
        f'<div lang="{language}" dir="{direction}" style="margin:24px 0 0;padding:16px;border-top:1px solid #767676;'
        "background-color:#ffffff;color:#333333;font-family:Arial,Helvetica,sans-serif;font-size:14px;"
        f'line-height:1.5;text-align:{side}">',
        f'<p style="margin:0 0 8px">{_rows(" ".join(footer.sentence.split()))}</p>',
        f'<p style="margin:0 0 8px"><a href="{html.escape(footer.unsubscribe_url)}" {link}>{opt_out}</a> &#183;',
        f'<a href="{html.escape(footer.preferences_url)}" {link}>{choices}</a></p>',
        f'<p style="margin:0">{"<br>".join(address)}</p>',
        "</div>",
    )
    return "\r\n".join(lines)


def encoded(text: str, charset: str) -> bytes | None:
    """A text in a charset. A letter that it has not is written plainly, `ü` as `u`; None when even that fails."""
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        pass
    made = []
    for one in text:
        try:
            one.encode(charset)
            made.append(one)
        except UnicodeEncodeError:
            made.append(_plainly(one))
    try:
        return "".join(made).encode(charset)
    except UnicodeEncodeError:
        return None


def _plainly(one: str) -> str:
    folded = unicodedata.normalize("NFKD", one.translate(_PLAIN))
    return "".join(part for part in folded if not unicodedata.combining(part)) or one


@lru_cache(1024)  # the same sentence and address in mail after mail
def _wrapped(text: str) -> tuple[str, ...]:
    clean = "".join(one for one in " ".join(text.split()) if unicodedata.category(one) != "Cc")
    return tuple(textwrap.wrap(clean, _WIDEST, break_on_hyphens=False))


@lru_cache(1024)
def _rows(text: str) -> str:
    """A text for HTML in lines of mail: at spaces where there are some, else within a comment, which shows none."""
    rows = (
        "<!--\r\n-->".join(_escaped(word[at : at + 80]) for at in range(0, len(word), 80))
        for word in textwrap.wrap(text, 80, break_long_words=False, break_on_hyphens=False)
    )
    return "\r\n".join(rows)


@lru_cache(1024)
def _escaped(text: str) -> str:
    shown = "".join(one for one in text if unicodedata.category(one) != "Cc")
    return html.escape(shown).encode("ascii", "xmlcharrefreplace").decode("ascii")
