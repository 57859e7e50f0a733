"""Quick reads say what reads say, in one state of the database, and can change nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, select, text

from troth.store import Store, StoreUnavailableError
from troth.store.schema import outbox

OF = (
    select(outbox.c.topic, outbox.c.body)
    .where(
        outbox.c.created_at >= bindparam("since"),
        outbox.c.topic.in_(bindparam("topics", expanding=True)),
        outbox.c.body.in_(bindparam("bodies", expanding=True)),
        outbox.c.body != "never",
    )
    .order_by(outbox.c.topic, outbox.c.body)
)


def fill(store: Store) -> None:
    def work(unit) -> None:
        for topic in "abc":
            for body in ("1", "2", "never"):
                unit.send(topic, body)

    store.write(work)


@pytest.mark.parametrize(
    ("topics", "bodies"),
    [(["a"], ["1"]), (["a", "b"], ["1"]), (["a"], ["1", "2"]), (["c", "a"], ["never", "2"]), ([], ["1"]), (["z"], [])],
)
def test_it_says_what_a_read_says(store: Store, topics: list[str], bodies: list[str]) -> None:
    fill(store)
    values = {"since": 0, "topics": topics, "bodies": bodies}
    expected = [
        (topic, body) for topic in sorted(topics) for body in sorted(bodies) if topic in "abc" and body != "never"
    ]
    with store.read() as connection:
        assert connection.execute(OF, values).all() == expected
    for _ in range(2):  # the second time as it was compiled before
        with store.glance() as glance:
            assert [tuple(row) for row in glance.rows(OF, values)] == expected


def test_lists_of_other_lengths_are_not_mixed_up(store: Store) -> None:
    fill(store)
    with store.glance() as glance:
        for topics in (["a"], ["a", "b"], ["b"], ["c", "b", "a"], ["a"]):
            found = glance.rows(OF, {"since": 0, "topics": topics, "bodies": ["2"]})
            assert [row[0] for row in found] == sorted(topics)


def test_it_sees_one_state(store: Store) -> None:
    values = {"since": 0, "topics": ["a"], "bodies": ["1", "2"]}
    with store.glance() as glance:
        assert not glance.rows(OF, values)
        fill(store)
        assert not glance.rows(OF, values)
    with store.glance() as glance:
        assert len(glance.rows(OF, values)) == 2


def test_it_cannot_write(store: Store) -> None:
    said = text("INSERT INTO outbox (topic, body, created_at) VALUES ('t', 'b', 0) RETURNING id")
    with pytest.raises(Exception, match=r"(?i)read.?only"), store.glance() as glance:
        glance.rows(said, {})  # type: ignore[arg-type]
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM outbox")).scalar() == 0


def test_what_fails_in_it_is_told_as_such_and_ends_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose() -> None:
        with store.glance():
            raise store._reading.dialect.dbapi.OperationalError("gone")

    with pytest.raises(StoreUnavailableError):
        lose()
    fill(store)  # nothing is held
    with store.glance() as glance:
        assert glance.rows(OF, {"since": 0, "topics": ["a"], "bodies": ["1"]})
