"""What is left of somebody who was erased is that they get no mail, and nothing that leads to them."""

from pathlib import Path

import pytest
from mailing import ANN, BOB, FLAGSHIP, Clock, mail, mails, over
from sqlalchemy import text

from troth.people.suppressions import hidden
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import open_store
from troth.store.backup import backup, restore


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("troth.db*"))


def test_nothing_that_leads_to_the_person_is_left(tmp_path: Path) -> None:
    with mails(tmp_path) as here:
        blind = here.people.key.blind(mail(ANN))
        here.people.choose(mail(ANN), {"marketing": "out"}, how="page")
        person = here.people.find(mail(ANN))
        assert person is not None
        here.people.know(mail(BOB))
        assert blind in bytes_of(tmp_path)
        here.vault.erase([mail(ANN)], staff="mary")
        here.vault.scrub(rewrite=True)
        left = bytes_of(tmp_path)
        for trace in (ANN.encode(), blind, blind[:16], blind.hex().encode(), b"mary"):
            assert trace not in left
        row = hidden(here.people.key, blind)
        assert row in left  # the one thing that is meant to be
        assert here.reason("newsletter", ANN) == "opted-out"
        with here.people.store.read() as connection:
            rows = connection.execute(text("SELECT scope, reason, source FROM suppressions")).all()
            assert connection.execute(text("SELECT count(*) FROM openings")).scalar() == 1  # Bob's
        assert [tuple(one) for one in rows] == [("choice:marketing", "opt-out", "erasure")]
        reader = RecordReader(here.people.store)
        entries = []
        while (entry := reader.entry(len(entries))) is not None:
            entries.append(entry)
        assert not any(row.hex().encode() in entry for entry in entries)
        kinds = [read_entry(entry)["kind"] for entry in entries]
        assert kinds[-2:] == ["erased", "suppressed"]


def test_who_is_erased_twice_by_an_old_copy_is_still_suppressed(tmp_path: Path) -> None:
    """The copy is from before the erasure, which is done again, and keeps the refusal again."""
    with mails(tmp_path) as here:
        here.people.choose(mail(ANN), {"marketing": "out"}, how="page")
        backup(here.people.store.url, tmp_path / "copy.db")
        here.vault.erase([mail(ANN)], staff="mary")
    for file in tmp_path.glob("troth.db*"):
        file.unlink()
    restore(tmp_path / "copy.db", f"sqlite:///{tmp_path / 'troth.db'}")
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", clock=Clock()) as store:
        here = over(store, tmp_path, FLAGSHIP, Clock())
        assert here.vault.replayed == 1
        assert here.people.find(mail(ANN)) is None
        assert here.reason("newsletter", ANN) == "opted-out"


def test_erasing_many_keeps_the_refusals_of_each(tmp_path: Path) -> None:
    with mails(tmp_path) as here:
        for number in range(150):  # more than one statement takes
            who = mail(f"n{number}@example.org")
            if number % 3:
                here.people.choose(who, {"marketing": "out"}, how="page")
            else:
                here.people.choose(who, {"analytics": "out"}, how="page")
        here.vault.erase([mail(f"n{number}@example.org") for number in range(150)], staff="mary")
        found = here.mailing.outcomes("newsletter", [f"n{number}@example.org" for number in range(150)])
        assert found == [None, "opted-out", "opted-out"] * 50
        assert here.suppression.counts() == [("choice:marketing", "opt-out", 100)]


@pytest.mark.postgres
def test_postgresql_samples_no_address(cluster) -> None:
    with open_store(cluster.url(), create=True) as store, store.read() as connection:
        where = "attrelid = to_regclass('suppressions') AND attname = 'address'"
        asked = f"SELECT attstattarget FROM pg_attribute WHERE {where}"
        assert connection.execute(text(asked)).scalar_one() == 0
