"""Whatever mail comes: outside the insertions its bytes are the same, or it is refused with a reply."""

from __future__ import annotations

import email
import email.policy

from generated_mails import mails, mutated
from hypothesis import given, settings
from mails import MARKETING, OPT_OUT, check_outside

from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.places import body_parts
from troth.gates.mail.content.splicing import Insertions, splice
from troth.gates.mail.errors import MailError


def tried(raw: bytes) -> bytes | None:
    """The mail with the insertions, or None when it is refused. Any other error fails the test."""
    try:
        return splice(read_message(raw), MARKETING)
    except MailError:
        return None


@settings(max_examples=300, deadline=None)
@given(mails())
def test_outside_the_insertions_the_bytes_are_the_same(raw: bytes) -> None:
    message = read_message(raw)
    out = tried(raw)
    if out is not None:
        check_outside(raw, out, MARKETING)
        assert len(body_parts(message)) >= 1


@settings(max_examples=150, deadline=None)
@given(mails())
def test_another_reader_sees_the_same_mail_with_the_opt_out_in_it(raw: bytes) -> None:
    out = tried(raw)
    if out is None:
        return
    before, after = (email.message_from_bytes(some, policy=email.policy.compat32) for some in (raw, out))
    old, new = list(before.walk()), list(after.walk())
    assert [one.get_content_type() for one in old] == [one.get_content_type() for one in new]
    bearing = 0
    for one, other in zip(old, new, strict=True):
        if one.is_multipart():
            assert (one.preamble, one.epilogue) == (other.preamble, other.epilogue)
            continue
        was, now = one.get_payload(decode=True), other.get_payload(decode=True)
        assert isinstance(was, bytes)
        assert isinstance(now, bytes)
        if was != now:
            bearing += 1
            assert OPT_OUT.encode() in now
    assert bearing == len(body_parts(read_message(raw)))


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_whatever_is_done_to_a_mail_it_is_spliced_or_refused(raw: bytes) -> None:
    out = tried(raw)
    if out is not None:
        check_outside(raw, out, MARKETING)
        assert splice(read_message(raw), Insertions()) == raw or b"bcc" in raw.lower()
