"""Service mail of a stream that passes bounces on: Troth hears what does not arrive, and so does whom it names."""

import asyncio
from email import message_from_bytes
from pathlib import Path

import pytest
from relay_rig import Rig, rigged
from test_mail_returns import dsn

from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.sending.conversation import Reply
from troth.gates.mail.streams import EMBEDDED

ANN, BEN = "ann@example.org", "ben@example.org"
DESK = "desk@logmein.example"
PASSING = {**EMBEDDED, "account": {**EMBEDDED["account"], "bounces": DESK}}


def sent(rig: Rig) -> dict[str, str]:
    """The envelope sender for each recipient of what left, and that all of it is one message."""
    assert len({outgoing.content for outgoing in rig.upstream.taken}) == 1
    return {to: outgoing.sender for outgoing in rig.upstream.taken for to in outgoing.recipients}


def test_without_it_the_envelope_sender_stays(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.submit("account", ANN, BEN)
        asyncio.run(rig.all())
        assert sent(rig) == dict.fromkeys((ANN, BEN), "robot@account.logmein.example")
        assert len(rig.upstream.taken) == 1


def test_what_does_not_arrive_later_is_known_and_told(tmp_path: Path, url: str) -> None:
    with rigged(tmp_path, url, streams=PASSING) as rig:
        rig.submit("account", ANN, BEN)
        asyncio.run(rig.all())
        senders = sent(rig)
        assert len(set(senders.values())) == 2
        assert all(one.startswith("b-") and one.endswith("@account.logmein.example") for one in senders.values())
        rig.upstream.taken.clear()
        took = Returns(rig.vault.people, rig.mailing.streams).take(dsn(), senders[ANN], source="lmtp")
        assert (took.did, took.stream) == ("suppressed", "account")
        assert rig.mailing.outcomes("account", [ANN, BEN]) == ["bounced", None]
        asyncio.run(rig.all())
        (told,) = rig.upstream.taken
        assert (told.sender, told.recipients) == ("", (DESK,))
        assert told.content.endswith(dsn())


def test_what_upstream_refuses_is_told_to_the_client_as_before(tmp_path: Path) -> None:
    with rigged(tmp_path, streams=PASSING) as rig:
        rig.upstream.answers[ANN] = [Reply(550, "5.1.1 No such user")]
        rig.submit("account", ANN, BEN)
        asyncio.run(rig.all())
        assert rig.mailing.outcomes("account", [ANN]) == ["bounced"]
        assert sorted(rig.upstream.recipients) == [BEN, "robot@account.logmein.example"]
        (notice,) = (one for one in rig.upstream.taken if one.sender == "")
        assert message_from_bytes(notice.content).get_content_type() == "multipart/report"


@pytest.mark.parametrize("stream", ["newsletter", "account"])
def test_who_gets_none_has_no_message(tmp_path: Path, stream: str) -> None:
    with rigged(tmp_path, streams=PASSING) as rig:
        Returns(rig.vault.people, rig.mailing.streams).bounced(rig.stream("account"), ANN, "5.1.1")
        rig.submit(stream, ANN, BEN)
        rig.submit(stream, ANN)
        asyncio.run(rig.all())
        assert rig.upstream.recipients == [BEN]
