"""From a choice on a page to a recipient's own system: signed, delivered, acknowledged, and then forgotten."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from followed import MAIL, Followed, followed
from receiving import Receiver, Said, acknowledgement, receiving

from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.sending import Sender


def deliver(at: Followed) -> None:
    """Make every attempt that is due now."""

    async def turns() -> None:
        sender = Sender(loopback=True, limit=5.0)
        deliverer = Deliverer(at.gated.store, at.gated.people, at.sharing.contents, loopback=True, sender=sender)
        while await deliverer.turn():
            await deliverer.settle()
        await deliverer.stop()

    asyncio.run(turns())


def test_the_partners_side_shows_the_opt_out(tmp_path: Path) -> None:
    with receiving() as receiver, followed(tmp_path) as at:
        endpoints = Endpoints(at.gated.store, at.gated.people, loopback=True)
        _, secret = endpoints.add(MAIL, receiver.url, by="mary")
        receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret))
        ann = at.know("ann")
        at.share(MAIL, "marketing.own", "ann")
        name = at.pseudonym(MAIL, "ann")
        at.choose("ann", marketing="out")
        at.following.run()
        deliver(at)
        at.following.run()
        assert at.following.all() == []
        assert told(receiver)[-1]["type"] == "troth.opt-out"
        assert name in str(told(receiver)[-1])
        at.gated.vault.erase([ann], staff="mary")
        at.following.run()
        deliver(at)
        at.following.run()
        assert at.following.all() == []
        assert told(receiver)[-1]["type"] == "troth.erasure"
        for seen in receiver.seen:
            assert ann not in seen.body.decode()
            assert "ann@example.org" not in seen.body.decode()
        with at.gated.store.read() as connection:
            for table in ("disclosed", "follow_ups", "deliveries"):
                assert name not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()), table


def told(receiver: Receiver) -> list[dict[str, object]]:
    return [json.loads(seen.body) for seen in receiver.seen]
