"""What may be kept no longer is deleted: on time, in order, some at a time, with its entries."""

from datetime import UTC, datetime, timedelta

import pytest
from collecting import EMAIL, NAME, account, item, put, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from troth.people.errors import UnknownPersonError
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.vault import Origin, Vault, VaultError, retention
from troth.vault import vault as vault_module


def expired(vault: Vault) -> list[dict[str, int]]:
    reader = RecordReader(vault.store)
    bodies = [read_entry(reader.entry(index) or b"") for index in range(reader.size())]
    return [body["items"] for body in bodies if body["kind"] == "expired"]


def test_a_value_goes_when_its_time_is_over(vault: Vault, clock) -> None:
    put(vault, account("ann"), [item(EMAIL, 1, "30 days"), item(NAME, 2, "1 month"), item(EMAIL, 3)])
    clock.move(days=29)  # 29 February: the month is over at its end, as there is no 31st
    assert vault.sweep() == 0
    clock.now = datetime(2016, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    assert vault.sweep() == 0
    clock.now = datetime(2016, 3, 1, tzinfo=UTC)
    assert vault.sweep() == 1
    assert sorted(values(vault)) == [1, 3]
    clock.now = datetime(2016, 3, 1, 12, tzinfo=UTC)
    assert (vault.sweep(), vault.sweep()) == (1, 0)
    assert values(vault) == [3]
    assert expired(vault) == [{"registration": 1}, {"registration": 1}]


def test_an_event_lets_the_time_begin(vault: Vault, clock) -> None:
    ann, _ = put(
        vault, account("ann"), [item(EMAIL, 1, "account + 24 months"), item(NAME, 2, "account"), item(NAME, 3, "law")]
    )
    put(vault, account("bob"), [item(EMAIL, 4, "account + 24 months")])
    clock.move(days=4000)
    assert vault.sweep() == 0
    assert vault.happened(ann, "account") == 2
    assert vault.sweep() == 1
    assert values(vault, [ann]) == [1, 3]
    # What ended stays ended, and an earlier end counts.
    clock.move(days=20)
    assert vault.happened(account("ann"), "account") == 0
    assert vault.happened(ann, "account", clock.now - timedelta(days=60)) == 1
    (kept, _) = vault.read([ann], [EMAIL, NAME])
    assert kept.expires_at == datetime(2028, 12, 4, 12, tzinfo=UTC)
    clock.now = datetime(2028, 12, 4, 12, tzinfo=UTC)
    assert vault.sweep() == 1
    assert sorted(values(vault)) == [3, 4]


def test_what_never_happens_is_said(vault: Vault) -> None:
    put(vault, account("ann"), [item(EMAIL, 1, "account")])
    with pytest.raises(VaultError, match="Did you mean 'account'"):
        vault.happened(account("ann"), "acount")
    with pytest.raises(UnknownPersonError):
        vault.happened(account("nobody"), "account")
    assert vault.happened(account("ann"), "contract") == 0


def test_a_long_sweep_is_made_in_parts_and_goes_on_after_a_failure(
    vault: Vault, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "SWEPT_AT_ONCE", 10)
    other = Origin("survey", "another-policy", "2015-12-31")
    for number in range(9):
        put(vault, account(number), [item(EMAIL, number, "30 days"), item(NAME, number, "30 days")])
        put(vault, account(number), [item(EMAIL, -number, f"{number + 1} days")], other)
    clock.move(days=30)
    calls = []

    def fail_later(unit: object, limit: int) -> int:
        calls.append(limit)
        if len(calls) == 2:
            raise RuntimeError("power")
        return retention.delete_some(unit, limit)

    monkeypatch.setattr(vault_module, "delete_some", fail_later)
    with pytest.raises(RuntimeError):
        vault.sweep()
    assert len(values(vault)) == 17
    assert vault.sweep(limit=12) == 12
    assert vault.sweep() == 5
    assert values(vault) == []
    counts = expired(vault)
    # The longest due first: all of the survey, then the first of the others.
    assert counts[0] == {"survey": 9} or counts[0] == {"registration": 1}
    assert sum(sum(one.values()) for one in counts) == 27
    assert len(counts) == 5  # 9 and 1 of two policies, then 10, 2 and 5


KEPT = st.sampled_from([None, "1 day", "10 days", "1 month", "1 year", "account + 1 month", "account", "law + 1 day"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(KEPT, st.integers(0, 40)), max_size=8), st.integers(0, 500), st.integers(1, 5))
def test_what_is_left_is_what_may_be_kept(
    vault: Vault, clock, items: list[tuple[str | None, int]], later: int, limit: int
) -> None:
    """Against the rule itself: an item is there as long as its end has not come."""
    clock.now = datetime(2016, 1, 31, 12, tzinfo=UTC)
    fresh = account(
        f"{len(items)}-{later}-{limit}-{vault.store.clock()}-{id(items)}-{RecordReader(vault.store).size()}"
    )
    ends: dict[int, datetime | None] = {}
    person = vault.people.know(fresh)
    for number, (keeps, wait) in enumerate(items):
        clock.move(days=wait)
        new = item(EMAIL, number, keeps)
        put(vault, fresh, [new])
        ends[number] = None if new.keeps is None else new.keeps.ends(clock.now)
    clock.move(days=later)
    while vault.sweep(limit):
        continue
    left = [number for number, end in ends.items() if end is None or end > clock.now]
    assert values(vault, [person]) == left
