"""Why a mail is refused: the reply of SMTP that says so (RFC 5321), with its enhanced status code (RFC 3463)."""

from __future__ import annotations


class MailError(ValueError):
    """A mail that does not pass. Nothing of it was kept or sent.

    `code` is the reply of SMTP, `enhanced` its status code such as `5.6.0`, and `text` says what was found and what to
    do about it: one line in ASCII, without either code.
    """

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        self.code = code
        self.enhanced = enhanced
        self.text = "".join(one if " " <= one <= "~" else "?" for one in text)
        super().__init__(f"{code} {enhanced} {self.text}")
