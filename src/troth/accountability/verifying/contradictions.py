"""Holds what this room keeps against the record: staff, what they signed, and every fact of every case and claim."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from troth.accountability import ledger
from troth.accountability.claims.desk import ClaimDesk
from troth.accountability.complaints import verifying as complaints
from troth.accountability.legal.facts import Released
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.staff import EVERY_ACT, StaffRegister
from troth.record.kinds import read_entry
from troth.record.published import published_policy
from troth.store import Store
from troth.store.schema import disclosures, leaves, staff_facts

ENTRIES = select(leaves.c["index"], leaves.c.entry).order_by(leaves.c["index"])
_KINDS = (b'"kind":"case"', b'"kind":"staff"')  # as canonical JSON has it; within a string the quotes would be escaped
STAFF_LEAVES = select(staff_facts.c.leaf)
UNDER = select(disclosures.c.id).where(disclosures.c.under == bindparam("of_under"), disclosures.c.persons > 0)


def contradictions(store: Store) -> list[str]:
    """A sentence for each thing that is not what the record says, was taken away, or was signed by nobody.

    It reads the whole record: to take away the fact that a request was refused would let it be released.
    """
    staff = StaffRegister(store)
    found = staff.contradictions()
    with store.read() as connection:
        acts = {row.digest: (row.staff, row.subject) for row in connection.execute(EVERY_ACT)}
        known = {int(leaf) for (leaf,) in connection.execute(STAFF_LEAVES)}
    found += ledger.contradictions(store, acts)
    known |= ledger.leaves_of_cases(store)
    with store.read() as connection:
        for index, entry in connection.execute(ENTRIES, execution_options={"yield_per": 10_000}):
            data = bytes(entry)
            if index not in known and any(kind in data for kind in _KINDS):
                kind = read_entry(data)["kind"]
                if kind in ("case", "staff"):
                    found.append(f"Entry {index} of the record is about a {kind}, and its fact is missing.")
    found += _without_a_fact(store)
    found += complaints.contradictions(store)
    policy = published_policy(store)
    return found if policy is None else found + ClaimDesk(store, policy).contradictions()


def _without_a_fact(store: Store) -> list[str]:
    """Disclosures under a legal request that the request does not know of: the command ended before it said so."""
    requests = LegalRequests(store)
    known = {fact.said.disclosure for fact in requests.facts() if isinstance(fact.said, Released)}
    found = []
    with store.read() as connection:
        for id in requests.standing():
            for (disclosure,) in connection.execute(UNDER, {"of_under": id}):
                if disclosure not in known:
                    found.append(f"'{disclosure}' was released under '{id}', which does not say so: release it again.")
    return found
