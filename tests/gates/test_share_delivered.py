"""The gate `share` and the deliveries together: what leaves is what may leave at that moment, and nothing else."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from gate_oracle import ANN, BOB, FLAGSHIP
from sharing_oracle import CARDS, PAY, Sharer, sharer

from troth.decision.point import DecisionPoint
from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.deliveries import Deliveries, Delivery
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.errors import GateError
from troth.gates.share.share import Sharing
from troth.people import Identifier
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader

sys.path.append(str(Path(__file__).parents[1] / "delivery"))
from receiving import Receiver, Said, Seen, receiving


class Both(msgspec.Struct):
    """The gate with the real queue, and a real recipient."""

    at: Sharer
    sharing: Sharing
    endpoints: Endpoints
    receiver: Receiver

    def deliver(self) -> None:
        """Make every attempt that is due, one after the other."""

        async def run() -> None:
            store, people = self.at.store, self.at.people
            deliverer = Deliverer(store, people, self.sharing.contents, loopback=True, per_recipient=1)
            while await deliverer.turn():
                await deliverer.settle()
            await deliverer.stop()

        asyncio.run(run())

    def deliveries(self) -> list[Delivery]:
        return sorted(Deliveries(self.at.store).list(), key=lambda one: one.created_at)

    def left(self) -> list[object]:
        """The values that left, in order."""
        return [one["data"]["payment.card"] for seen in self.receiver.seen for one in seen.json["persons"]]

    def entries(self, kind: str) -> list[dict]:
        reader = RecordReader(self.at.store)
        bodies = [read_entry(reader.entry(index)) for index in range(reader.size())]
        return [body for body in bodies if body["kind"] == kind]


@pytest.fixture
def both(tmp_path: Path, url: str) -> Iterator[Both]:
    with sharer(tmp_path, url=url) as at, receiving() as receiver:
        queue = Queue(at.store, at.people)
        sharing = Sharing(at.gates.vault, DecisionPoint(FLAGSHIP), at.gates.index, at.conditions, queue=queue)
        yield Both(at, sharing, Endpoints(at.store, at.people, loopback=True), receiver)


def test_without_an_endpoint_nothing_is_shared(both: Both) -> None:
    both.at.collect(ANN)
    both.at.contract()
    with pytest.raises(GateError) as refused:
        both.sharing.share(PAY, [ANN])
    assert refused.value.code == "unreachable"
    endpoint, _ = both.endpoints.add(CARDS, both.receiver.url, by="mary")
    both.sharing.share(PAY, [ANN])
    both.endpoints.disable(endpoint.id)
    with pytest.raises(GateError):
        both.sharing.share(PAY, [ANN])


def test_a_card_token_reaches_the_processor_with_the_sentence_that_says_so(both: Both) -> None:
    both.at.collect(ANN)
    both.at.contract()
    both.endpoints.add(CARDS, both.receiver.url, by="mary")
    shared = both.sharing.share(PAY, [ANN])
    both.deliver()
    (seen,) = both.receiver.seen
    told = seen.json
    assert (told["disclosure"], told["recipient"], told["purpose"]) == (shared.id, CARDS, "service.payment")
    assert (told["policy"], told["version"], told["duties"]) == ("citrix-online", "2017-02-01", ["minimise"])
    assert told["sentences"] == ["A card firm takes your payments for us, under contract."]
    pseudonym = both.at.people.key.pseudonym(CARDS, both.at.people.find(ANN) or "")
    assert told["persons"] == [{"subject": pseudonym, "data": {"payment.card": "tok_ann_visa"}}]
    (entry,) = both.entries("delivered")
    assert (entry["disclosure"], entry["batch"]) == (shared.id, 1)


def test_a_contract_that_ended_since_stops_what_waits(both: Both) -> None:
    both.at.collect(ANN)
    both.at.contract()
    both.endpoints.add(CARDS, both.receiver.url, by="mary")
    both.sharing.share(PAY, [ANN])
    both.at.end()
    both.deliver()
    assert both.receiver.seen == []
    (one,) = both.deliveries()
    assert (one.state, one.sent) == ("stopped", ())
    assert len(both.entries("withheld")) == len(both.entries("undelivered")) == 1


def test_a_contract_that_ends_between_two_attempts_stops_the_next(both: Both) -> None:
    both.at.collect(ANN)
    both.at.contract()
    both.endpoints.add(CARDS, both.receiver.url, by="mary")
    both.receiver.behave = lambda seen: Said(500)
    both.sharing.share(PAY, [ANN])
    both.deliver()
    both.at.end()
    both.receiver.behave = lambda seen: Said(200)
    both.at.clock.now = both.deliveries()[0].next_at
    both.deliver()
    assert len(both.receiver.seen) == 1
    assert both.deliveries()[0].state == "stopped"
    assert "may have arrived" in (both.deliveries()[0].why or "")


def test_a_contract_that_ends_in_the_middle_stops_the_rest(both: Both) -> None:
    whos = [Identifier("account", f"p{number}") for number in range(6)]
    both.at.contract()
    both.endpoints.add(CARDS, both.receiver.url, by="mary")
    for who in whos:
        both.at.collect(who)
        both.sharing.share(PAY, [who])

    def behave(seen: Seen) -> Said:
        if len(both.receiver.seen) == 3:
            both.at.end()
        return Said(200)

    both.receiver.behave = behave
    both.deliver()
    assert len(both.left()) == 3
    assert sorted(one.state for one in both.deliveries()) == ["delivered"] * 3 + ["stopped"] * 3


def test_who_was_erased_since_is_left_out(both: Both) -> None:
    for who in (ANN, BOB):
        both.at.collect(who)
    both.at.contract()
    both.endpoints.add(CARDS, both.receiver.url, by="mary")
    both.sharing.share(PAY, [ANN, BOB])
    both.at.gates.vault.erase([BOB], staff="mary", reason="request")
    both.deliver()
    assert both.left() == ["tok_ann_visa"]
    assert both.deliveries()[0].state == "delivered"
