"""The queue of deliveries: what is put into it is there when its unit of work is; what cannot be sent is refused."""

import re

import pytest
from sqlalchemy import select

from troth.gates.delivery.queue import Queue
from troth.people import People
from troth.store import Store
from troth.store.schema import deliveries


@pytest.fixture
def queue(store: Store, people: People) -> Queue:
    return Queue(store, people)


def rows(store: Store) -> list:
    with store.read() as connection:
        return list(connection.execute(select(deliveries).order_by(deliveries.c.created_at)).all())


def test_a_delivery_is_there_with_its_unit_or_not_at_all(queue: Queue, store: Store) -> None:
    id = store.write(lambda unit: queue.add(unit, kind="disclosure", recipient="cards", disclosure="dis_1", batch=3))
    assert re.fullmatch(r"msg_[0-9a-f]{32}", id)
    body = '{"subjects": ["k3"]}'
    other = store.write(lambda unit: queue.add(unit, kind="opt-out", recipient="cards", body=body, endpoint="ep_1"))

    def broken(unit) -> None:
        queue.add(unit, kind="disclosure", recipient="cards", disclosure="dis_2", batch=0)
        raise KeyError

    with pytest.raises(KeyError):
        store.write(broken)
    first, second = sorted(rows(store), key=lambda row: row.kind)
    assert (first.id, first.disclosure, first.batch, first.body, first.state) == (id, "dis_1", 3, None, "waiting")
    assert (second.id, second.kind, second.body, second.endpoint) == (other, "opt-out", body, "ep_1")
    assert first.nonce != second.nonce
    assert first.next_at == first.created_at


REFUSED = [
    ({"kind": "disclosures", "disclosure": "d", "batch": 0}, "no kind of delivery 'disclosures'"),
    ({"kind": "disclosure", "disclosure": "d"}, "names it and its batch"),
    ({"kind": "disclosure", "disclosure": "d", "batch": 0, "body": "{}"}, "has no body"),
    ({"kind": "erasure"}, "is a JSON object"),
    ({"kind": "erasure", "body": "[]"}, "is a JSON object"),
    ({"kind": "erasure", "body": "{"}, "is a JSON object"),
]


@pytest.mark.parametrize(("asked", "says"), REFUSED)
def test_what_cannot_be_sent_is_refused(queue: Queue, store: Store, asked: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        store.write(lambda unit: queue.add(unit, recipient="cards", **asked))
    assert rows(store) == []


def test_who_has_no_endpoint_cannot_be_reached(queue: Queue) -> None:
    assert not queue.reachable("cards")
