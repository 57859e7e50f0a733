"""What is due arrives, signed, decided anew; what does not arrive is tried again, and nobody suffers for another."""

import asyncio
import hashlib
import json
import threading
import time
from datetime import timedelta

import pytest
from delivering import Batch, Delivering
from delivery_clock import Clock
from receiving import Receiver, Said, Seen, acknowledgement, receiving
from standardwebhooks import Webhook

from troth.gates.delivery.deliveries import DeliveryError
from troth.gates.delivery.schedule import ATTEMPTS
from troth.gates.delivery.sending import MOST_BYTES, Sender
from troth.gates.errors import GateError
from troth.people.errors import StaleChoicesError
from troth.store import StoreUnavailableError


def test_it_arrives_signed_and_is_acknowledged(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    endpoint, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret))
    (id,) = delivering.disclose()
    assert delivering.turn() == 1
    (seen,) = receiver.seen
    assert seen.path == "/hooks"
    assert seen.headers["content-type"] == "application/json"
    assert int(seen.headers["webhook-timestamp"]) == int(clock().timestamp())
    body = seen.json
    nonce = body.pop("nonce")
    assert len(nonce) == 32
    assert body == {
        "type": "troth.disclosure", "id": id, "disclosure": "dis_cards_0", "recipient": "cards",
        "purpose": "service.payment", "product": None, "policy": "citrix-online", "version": "2017-02-01",
        "sentences": ["A firm takes your payments."], "duties": ["pseudonymise"],
        "persons": [{"subject": "k3", "data": {"payment.card": "tok_dis_cards_0_0"}}],
    }  # fmt: skip
    signed = Webhook(secret).sign(id, clock(), seen.body.decode())
    assert seen.headers["webhook-signature"] == signed
    one = delivering.one(id)
    digest = hashlib.sha256(seen.body).hexdigest()
    assert (one.state, one.attempts, one.digest, one.sent) == ("acknowledged", 1, digest, (digest,))
    assert one.delivered_at == one.acknowledged_at == clock()
    delivered, acknowledged = delivering.entries("delivered", "acknowledged", "undelivered")
    assert (delivered["kind"], delivered["digest"], delivered["endpoint"]) == ("delivered", digest, endpoint.id)
    assert (acknowledged["kind"], acknowledged["digest"]) == ("acknowledged", digest)
    assert acknowledged["signature"] == json.loads(acknowledgement(seen, secret))["signature"]
    assert delivering.turn() == 0


def test_what_was_disclosed_lies_nowhere(delivering: Delivering, receiver: Receiver) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500 if len(receiver.seen) == 1 else 200, b"tok_dis_cards_0_0")
    delivering.disclose()
    delivering.turn()
    delivering.store.clock.move(minutes=1)  # type: ignore[attr-defined]
    delivering.turn()
    nonces = [seen.json["nonce"] for seen in receiver.seen]
    assert nonces[0] == nonces[1]
    assert receiver.seen[0].body == receiver.seen[1].body
    with delivering.store.read() as connection:
        everything = [connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in ("deliveries", "leaves")]
    text = repr(everything)
    assert nonces[0] not in text  # so nobody can try out what the SHA-256 is of
    assert "tok_" not in text


def test_a_rotation_loses_nothing(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    endpoint, old = delivering.endpoints.add("cards", receiver.url, by="mary")
    _, new = delivering.endpoints.rotate(endpoint.id, timedelta(hours=1))
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, old))
    (id,) = delivering.disclose()
    delivering.turn()
    body = receiver.seen[0].body.decode()
    expected = [Webhook(secret).sign(id, clock(), body) for secret in (new, old)]
    assert receiver.seen[0].headers["webhook-signature"].split(" ") == expected
    assert delivering.one(id).state == "acknowledged"
    clock.move(hours=2)
    (id,) = delivering.disclose()
    delivering.turn()
    assert " " not in receiver.seen[1].headers["webhook-signature"]
    assert delivering.one(id).state == "delivered"  # the old secret signs nothing any more


NONSENSE = [
    b"", b"ok", b"{}", b"null", b"[]", b'{"acknowledged": 1}', b"[" * 10_000, b"\x00\xff" * 100, b"<html>" * 10_000,
    b'{"acknowledged": "msg_0", "digest": "0", "signature": "v1,AA"}', b'"' + b"a" * 10**6 + b'"',
]  # fmt: skip


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_in_an_answer_is_harmless(delivering: Delivering, receiver: Receiver, nonsense: bytes) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    headers = (("Content-Type", "text/html; charset=nonsense"), ("Content-Encoding", "gzip"), ("Set-Cookie", "a=b"))
    receiver.behave = lambda seen: Said(200, nonsense, headers)
    (id,) = delivering.disclose()
    delivering.turn()
    assert delivering.one(id).state == "delivered"
    delivering.disclose()
    delivering.turn()
    assert "cookie" not in receiver.seen[1].headers


def test_an_acknowledgement_of_something_else_changes_nothing(delivering: Delivering, receiver: Receiver) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret, digest="0" * 64))
    (id,) = delivering.disclose()
    delivering.turn()
    assert delivering.one(id).state == "delivered"
    assert delivering.entries("acknowledged") == []


FAILURES = [
    (Said(301, headers=(("Location", "http://127.0.0.1:1/"),)), "301. Redirects are not followed"), (Said(307), "307"),
    (Said(302, headers=(("Location", "/hooks"),)), "302"), (Said(400), "400"), (Said(404), "404"), (Said(500), "500"),
    (Said(503, b"x" * 10**6), "503"), (b"", "broke the connection off"), (b"SSH-2.0-x\r\n", "broke"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", "broke"), (b"HTTP/1.1 abc\r\n\r\n", "broke"),
    (b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", "600"), (Said(199), "199"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why"), FAILURES, ids=range(len(FAILURES)))
def test_everything_but_2xx_is_a_failure(
    delivering: Delivering, receiver: Receiver, said: Said | bytes, why: str
) -> None:
    delivering.limit = 1.0
    delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: said
    (id,) = delivering.disclose()
    assert delivering.turn() == 1
    assert len(receiver.seen) == 1  # no redirect was followed
    one = delivering.one(id)
    assert (one.state, one.attempts) == ("waiting", 1)
    assert why in (one.why or "") or (one.why or "").startswith("It did not answer")
    assert one.next_at is not None
    assert delivering.entries("delivered") == []


def test_answers_that_do_not_end_are_cut_off(delivering: Delivering, receiver: Receiver) -> None:
    delivering.limit = 0.3
    delivering.endpoints.add("cards", receiver.url, by="mary")
    late = threading.Event()

    def behave(seen: Seen) -> bytes:
        if len(receiver.seen) == 1:
            late.wait(5)  # nothing at all comes back in time
            return b""
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx"  # it is taken, and its answer never ends

    receiver.behave = behave
    (id,) = delivering.disclose()
    began = time.monotonic()
    delivering.turn()
    assert "within 0.3 seconds" in (delivering.one(id).why or "")
    late.set()
    delivering.store.clock.move(minutes=1)  # type: ignore[attr-defined]
    delivering.turn()
    assert delivering.one(id).state == "delivered"
    assert time.monotonic() - began < 5


def test_ten_attempts_over_three_days_and_then_it_is_given_up(
    delivering: Delivering, receiver: Receiver, clock: Clock
) -> None:
    endpoint, _ = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500)
    (id,) = delivering.disclose()
    began = clock()
    timestamps = []
    while (one := delivering.one(id)).state == "waiting":
        assert one.next_at is not None
        clock.now = max(one.next_at - timedelta(microseconds=1), clock.now)
        if timestamps:
            assert delivering.turn() == 0
        clock.now = one.next_at
        assert delivering.turn() == 1
        timestamps.append(receiver.seen[-1].headers["webhook-timestamp"])
    assert (one.state, one.attempts, len(receiver.seen)) == ("failed", ATTEMPTS, ATTEMPTS)
    assert {seen.id for seen in receiver.seen} == {id}  # the same id each time, and a timestamp of its own
    assert len(set(timestamps)) == ATTEMPTS
    assert timedelta(days=3) < clock() - began < timedelta(days=3.5)
    (entry,) = delivering.entries("undelivered")
    assert (entry["outcome"], entry["reason"], entry["attempts"]) == ("failed", "status-500", ATTEMPTS)
    # Nothing arrived there for three days: the endpoint is disabled, with a sentence and an entry.
    one = delivering.endpoints.one(endpoint.id)
    assert (one.state, one.why) == ("disabled", "Nothing arrived there for three days.")
    assert delivering.entries("endpoint")[-1]["change"] == "disabled"
    assert not delivering.queue.reachable("cards")
    # Staff enable it and try again; it is as if it were new.
    receiver.behave = lambda seen: Said(204)
    delivering.endpoints.enable(endpoint.id)
    assert delivering.deliveries.retry(id).state == "waiting"
    delivering.turn()
    assert delivering.one(id).state == "delivered"


def test_410_disables_at_once_and_what_waits_goes_on_when_it_is_enabled(
    delivering: Delivering, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint, _ = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(410)
    (id,) = delivering.disclose()
    delivering.turn()
    assert delivering.endpoints.one(endpoint.id).state == "disabled"
    assert "is disabled: It answered that it wants nothing any more (410)." in caplog.text
    (later,) = delivering.disclose()
    delivering.turn()
    assert len(receiver.seen) == 1  # nothing is sent there
    assert delivering.one(later).why == "It has no endpoint that is enabled."
    receiver.behave = lambda seen: Said(200)
    delivering.endpoints.enable(endpoint.id)
    clock.move(minutes=10)
    delivering.turn()
    assert {delivering.one(one).state for one in (id, later)} == {"delivered"}


def test_one_success_ends_the_counting_of_days(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500)
    delivering.disclose()
    delivering.turn()
    assert delivering.endpoints.one(endpoint.id).failing_since == clock()
    clock.move(days=2)
    receiver.behave = lambda seen: Said(200)
    delivering.turn()
    assert delivering.endpoints.one(endpoint.id).failing_since is None
    clock.move(days=2)
    receiver.behave = lambda seen: Said(500)
    delivering.disclose()
    delivering.turn()
    assert delivering.endpoints.one(endpoint.id).state == "enabled"


def test_a_recipient_that_asks_for_time_gets_it(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(503, headers=(("Retry-After", "7200"),))
    (id,) = delivering.disclose()
    delivering.turn()
    assert delivering.one(id).next_at == clock() + timedelta(hours=2)
    receiver.behave = lambda seen: Said(429, headers=(("Retry-After", "999999999"),))
    clock.move(hours=2)
    delivering.turn()
    assert delivering.one(id).next_at == clock() + timedelta(days=1)


def test_what_may_leave_is_decided_anew_each_time(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500)
    id, other = delivering.disclose(count=2)
    delivering.turn()
    assert len(receiver.seen) == 2
    receiver.behave = lambda seen: Said(200)
    delivering.batches["dis_cards_0", 0] = Batch("cards", ())

    def refuse(disclosure: str, batch: int) -> Batch:
        if disclosure == "dis_cards_1":
            raise GateError("unknown-disclosure", "There is no such disclosure.")
        return delivering.batches[disclosure, batch]

    delivering.decide = refuse
    clock.move(hours=1)
    delivering.turn()
    assert len(receiver.seen) == 2  # nothing was sent
    one = delivering.one(id)
    assert one.state == "stopped"
    assert one.why == (
        "When it was to be sent, nothing of it was allowed to leave. What was sent before may have arrived."
    )
    assert delivering.one(other).why == "There is no such disclosure."
    with delivering.store.read() as connection:
        nonces = connection.exec_driver_sql("SELECT count(nonce) FROM deliveries").scalar()
    assert nonces == 0
    outcomes = {(entry["outcome"], entry["reason"]) for entry in delivering.entries("undelivered")}
    assert outcomes == {("stopped", "nothing-left"), ("stopped", "unknown-disclosure")}


def test_a_batch_of_somebody_else_never_leaves(delivering: Delivering, receiver: Receiver) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    (id,) = delivering.disclose()
    delivering.batches["dis_cards_0", 0] = delivering.batches["dis_cards_0", 0]._replace(recipient="letters")
    delivering.turn()
    assert receiver.seen == []
    assert delivering.one(id).state == "stopped"


@pytest.mark.parametrize("problem", [StaleChoicesError("old"), StoreUnavailableError("away")])
def test_what_cannot_be_decided_now_waits_and_counts_as_no_attempt(
    delivering: Delivering, receiver: Receiver, clock: Clock, problem: Exception
) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    (id,) = delivering.disclose()
    decide = delivering.decide

    def away(disclosure: str, batch: int) -> Batch:
        raise problem

    delivering.decide = away
    delivering.turn()
    one = delivering.one(id)
    assert (one.state, one.attempts, one.next_at) == ("waiting", 0, clock() + timedelta(seconds=10))
    assert receiver.seen == []
    delivering.decide = decide
    clock.move(seconds=10)
    delivering.turn()
    assert delivering.one(id).state == "delivered"


def test_what_follows_a_disclosure_has_its_body(delivering: Delivering, receiver: Receiver) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    unheard, _ = delivering.endpoints.add("cards", "http://127.0.0.1:1024/", by="mary")
    delivering.endpoints.disable(unheard.id)
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret))
    body = json.dumps({"subjects": ["k3"], "choice": "marketing", "type": "forged", "recipient": "forged"})
    add = delivering.queue.add
    id = delivering.store.write(
        lambda unit: add(unit, kind="opt-out", recipient="cards", body=body, disclosure="dis_1")
    )
    named = delivering.store.write(
        lambda unit: add(unit, kind="erasure", recipient="cards", body='{"subjects": []}', endpoint=unheard.id)
    )
    delivering.turn()
    (seen,) = receiver.seen
    told = seen.json
    del told["nonce"]
    assert told == {
        "type": "troth.opt-out", "id": id, "recipient": "cards", "disclosure": "dis_1", "subjects": ["k3"],
        "choice": "marketing",
    }  # fmt: skip
    assert delivering.one(id).state == "acknowledged"
    assert delivering.one(named).why == "It has no endpoint that is enabled."  # and goes to no other
    with delivering.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, body FROM deliveries").all()
    assert dict(rows) == {id: None, named: '{"subjects": []}'}  # what was acknowledged is not kept


def test_whoever_is_slow_or_dead_or_lies_delays_nobody_else(delivering: Delivering) -> None:
    """Three bad recipients with long queues and one good one with a queue of its own, which is through at once."""
    delivering.limit = 3.0
    hold = threading.Event()
    with receiving() as slow, receiving() as lying, receiving() as good:
        slow.behave = lambda seen: Said(200) if hold.wait(20) else Said(500)
        lying.behave = lambda seen: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        for name, url in (
            ("slow", slow.url), ("lying", lying.url), ("dead", "http://127.0.0.1:1024/"), ("good", good.url),
        ):  # fmt: skip
            delivering.endpoints.add(name, url, by="mary")
        for name in ("slow", "lying", "dead"):
            delivering.disclose(name, 50)
        delivering.disclose("good", 30)

        async def run() -> tuple[float, int]:
            deliverer = delivering.deliverer()
            running = asyncio.create_task(deliverer.run(every=0.05))
            began = time.monotonic()
            while len({seen.id for seen in good.seen}) < 30:
                await asyncio.sleep(0.01)
                assert time.monotonic() - began < 20
            took, held = time.monotonic() - began, len(slow.seen)
            running.cancel()
            hold.set()
            await deliverer.stop()
            return took, held

        took, held = asyncio.run(run())
    assert held <= 8  # of the slow one no more is under way than that
    assert took < 3.0, "the good recipient waited for a bad one"


def test_while_a_recipient_fails_it_is_tried_with_one_at_a_time(delivering: Delivering, receiver: Receiver) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500)
    delivering.disclose(count=20)

    async def run() -> list[int]:
        deliverer = delivering.deliverer()
        begun = []
        for _ in range(6):
            if len(begun) == 3:
                receiver.behave = lambda seen: Said(200)
            begun.append(await deliverer.turn())
            await deliverer.settle()
        await deliverer.stop()
        return begun

    assert asyncio.run(run()) == [8, 1, 1, 1, 8, 1]  # eight, then one each while it fails; the last is what was left


def test_of_an_answer_only_so_much_is_read(receiver: Receiver) -> None:
    async def post(answer: bytes) -> bytes | None:
        receiver.behave = lambda seen: Said(200, answer)
        sender = Sender(loopback=True, limit=5)
        found = await sender.post(receiver.url, {}, b"{}")
        await sender.close()
        assert found.delivered
        return found.body

    assert asyncio.run(post(b"a" * MOST_BYTES)) == b"a" * MOST_BYTES
    assert asyncio.run(post(b"a" * (MOST_BYTES + 1))) is None


def test_when_it_stops_what_was_under_way_is_tried_again(delivering: Delivering, clock: Clock) -> None:
    hold = threading.Event()
    with receiving() as receiver:
        receiver.behave = lambda seen: Said(200) if hold.wait(20) else Said(500)
        delivering.endpoints.add("cards", receiver.url, by="mary")
        (id,) = delivering.disclose()

        async def run() -> None:
            deliverer = delivering.deliverer()
            await deliverer.turn()
            while not receiver.seen:
                await asyncio.sleep(0.01)
            await deliverer.stop(grace=0.01)

        asyncio.run(run())
        one = delivering.one(id)
        assert (one.state, one.next_at) == ("waiting", clock())  # and not only when its lease ends
        assert one.sent
        hold.set()
        delivering.turn()
        assert delivering.one(id).state == "delivered"
        assert len(receiver.seen) == 2


def test_two_deliverers_share_the_work(delivering: Delivering, receiver: Receiver) -> None:
    delivering.endpoints.add("cards", receiver.url, by="mary")
    ids = delivering.disclose(count=40)

    async def run() -> None:
        both = [delivering.deliverer() for _ in range(2)]
        running = [asyncio.create_task(one.run(every=0.01)) for one in both]
        while len(receiver.seen) < 40:
            await asyncio.sleep(0.01)
        for task in running:
            task.cancel()
        await asyncio.gather(*(one.stop() for one in both))

    asyncio.run(run())
    assert sorted(seen.id for seen in receiver.seen) == sorted(ids)
    assert len(delivering.entries("delivered")) == 40


def test_a_lease_that_ended_sends_nothing_and_a_success_counts_once(
    delivering: Delivering, receiver: Receiver, clock: Clock
) -> None:
    """One deliverer is held up for longer than its lease while it decides; another delivers meanwhile."""
    delivering.endpoints.add("cards", receiver.url, by="mary")
    (id,) = delivering.disclose()
    decide = delivering.decide

    def held_up(disclosure: str, batch: int) -> Batch:
        delivering.decide = decide
        clock.move(minutes=3)
        assert delivering.turn() == 1
        return decide(disclosure, batch)

    delivering.decide = held_up
    delivering.turn()
    assert [seen.id for seen in receiver.seen] == [id]
    assert len(delivering.entries("delivered")) == 1
    assert delivering.one(id).attempts == 1


def test_what_is_overdue_and_what_cannot_be_retried(delivering: Delivering, receiver: Receiver, clock: Clock) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    (late,) = delivering.disclose()
    delivering.turn()
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret))
    clock.move(hours=1)
    (done,) = delivering.disclose()
    delivering.turn()
    assert delivering.deliveries.overdue() == []
    clock.move(days=3, hours=-1)
    assert [one.id for one in delivering.deliveries.overdue()] == [late]
    assert [one.id for one in delivering.deliveries.list()] == [done, late]
    assert [one.id for one in delivering.deliveries.list(state="acknowledged")] == [done]
    assert [one.id for one in delivering.deliveries.list(recipient="x")] == []
    assert [one.id for one in delivering.deliveries.list(disclosure="dis_cards_0")] == [late]
    with pytest.raises(DeliveryError, match="acknowledged it"):
        delivering.deliveries.retry(done)
    with pytest.raises(DeliveryError, match="There is no delivery 'msg_0'"):
        delivering.deliveries.retry("msg_0")
    delivering.deliveries.retry(late)
    delivering.turn()
    assert delivering.one(late).state == "acknowledged"
