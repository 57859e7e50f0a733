"""Which mail went to whom is forgotten in time: not before, not what still waits, and the record keeps its entries."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from relay_rig import Rig, rigged

from troth.gates.mail.remembering import KEPT, forget
from troth.gates.mail.sending.conversation import Reply

ANN, BEN, CAT = (f"{name}@example.org" for name in ("ann", "ben", "cat"))


def people_in(rig: Rig) -> list[str]:
    return [message for (message,) in rig.rows("SELECT message FROM mail_sent ORDER BY leaf")]


def test_what_is_old_is_forgotten_and_the_record_keeps_it(tmp_path: Path, url: str) -> None:
    with rigged(tmp_path, url) as rig:
        rig.opt_out(BEN)
        rig.upstream.answers[CAT] = [Reply(550, "5.7.1 No")]
        first = rig.submit("newsletter", ANN, BEN, CAT)
        asyncio.run(rig.all())
        assert rig.states() == ["suppressed", "sent", "failed"]
        rig.clock.move(days=30)
        second = rig.submit("newsletter", ANN)
        asyncio.run(rig.all())
        rig.clock.move(seconds=(KEPT - timedelta(days=30)).total_seconds())
        signed = rig.log.sign().head
        assert forget(rig.store) == 0
        assert people_in(rig) == [first, first, first, second]
        rig.clock.move(seconds=1)
        assert forget(rig.store) == 3
        assert people_in(rig) == [second]
        assert forget(rig.store) == 0
        assert rig.log.sign().head == signed


def test_what_still_waits_is_remembered_until_it_has_ended(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.submit("account", ANN)
        held = rig.submit("newsletter", BEN)
        rig.upstream.answers[BEN] = [Reply(451, "4.7.1 Later")]
        asyncio.run(rig.all())
        assert rig.states() == ["sent", "queued"]
        rig.clock.move(days=500)
        assert forget(rig.store) == 1
        assert people_in(rig) == [held]
        asyncio.run(rig.all())
        assert rig.states() == ["sent"]
        assert forget(rig.store) == 1
        assert people_in(rig) == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_many_are_forgotten_some_at_a_time(tmp_path: Path, at_once: int) -> None:
    with rigged(tmp_path) as rig:
        rig.submit("newsletter", *(f"p{number}@example.org" for number in range(6)))
        asyncio.run(rig.all())
        rig.upstream.answers[ANN] = [Reply(451, "4.7.1 Later")]
        waits = rig.submit("newsletter", ANN)
        asyncio.run(rig.all())
        rig.submit("newsletter", *(f"q{number}@example.org" for number in range(3)))
        asyncio.run(rig.all())
        rig.clock.move(days=10)
        newest = rig.submit("newsletter", CAT)
        rig.clock.move(days=395)
        assert forget(rig.store, at_once=at_once) == 9
        assert people_in(rig) == [waits, newest]
