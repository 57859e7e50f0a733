"""Is a message ready for the large mailbox providers, and for CAN-SPAM, CASL and PECR? Each finding names its rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from troth.gates.mail.content.footer import Footer
from troth.gates.mail.content.message import Message, read_message
from troth.gates.mail.content.splicing import Insertions, edits
from troth.gates.mail.errors import MailError
from troth.gates.mail.linting.body import body_findings
from troth.gates.mail.linting.header import Found, header_findings
from troth.gates.mail.linting.rules import RULES, Severity

_TRIAL = Footer("x", "https://example.org/", "https://example.org/", "x")


class Finding(msgspec.Struct, frozen=True):
    """A rule that a message breaks: what was found, what to do, and who asks for it."""

    rule: str
    severity: Severity
    message: str
    remedy: str
    source: str


class Report(msgspec.Struct, frozen=True):
    """What was found in a message, errors first."""

    marketing: bool
    sender: str
    subject: str
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing but notes was found."""
        return all(one.severity == "note" for one in self.findings)


def lint(raw: bytes, at: datetime, *, marketing: bool = True) -> Report:
    """Hold a message against the rules: all of them as marketing, else those that every message has to keep.

    `raw` is as it would be sent, or a file whose lines end as the system ends them. `at` has a zone.
    """
    raw = as_sent(raw)
    try:
        message = read_message(raw)
    except MailError as error:
        return Report(marketing, "", "", (_finding("readable", str(error)),))
    found = [
        *header_findings(message, at, marketing),
        *_bearing(message, marketing),
        *body_findings(message, marketing),
    ]
    order = ("error", "warning", "note")
    findings = [_finding(rule, said) for rule, said in dict.fromkeys(found) if marketing or not RULES[rule].marketing]
    findings.sort(key=lambda one: order.index(one.severity))
    return Report(marketing, message.sender.address, message.text("subject") or "", tuple(findings))


def as_sent(raw: bytes) -> bytes:
    """A file as mail: where no line ends with CR LF, LF is what the system writes for it; the last line gets an end."""
    if b"\r" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    return raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n"


def as_lines(report: Report) -> Iterator[tuple[Severity | None, str]]:
    """The report for people: each line with the severity of the finding that begins on it."""
    for one in report.findings:
        yield one.severity, f"{one.message} [{one.rule}]"
        yield None, f"    {one.remedy}"
        yield None, f"    {one.source}"


def as_json(report: Report) -> bytes:
    """The report for programs."""
    return msgspec.json.format(msgspec.json.encode(report))


def _bearing(message: Message, marketing: bool) -> Iterator[Found]:
    if marketing:
        try:
            edits(message, Insertions((), _TRIAL))
        except MailError as error:
            yield "bears-opt-out", error.text


def _finding(rule: str, said: str) -> Finding:
    about = RULES[rule]
    return Finding(rule, about.severity, said, about.remedy, about.source)
