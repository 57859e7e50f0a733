"""Staff: who may sign what. Each has a key pair; the store has the public key, its roles and dates, never the private.

Facts about staff are added and never changed, as those about recipients are: how somebody stands follows from them. In
the record each is an entry `staff`, in which somebody is a random id: a name can be erased there by forgetting which
name it was.

Whoever runs the commands on the machine adds the first officer. From then on each change of staff is signed by an
officer, so that nobody who can merely start the command makes two people who agree with each other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, select

from troth.accountability.errors import StaffError
from troth.accountability.signing import Act, SignedAct, moment_of, signature_holds
from troth.policy.problems import nearest
from troth.record import canonical
from troth.record.commitment import new_event
from troth.record.kinds import make_entry, read_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, leaves, signed_acts, staff_facts, to_micros

Random = Callable[[int], bytes]
Role = Literal["counsel", "officer", "desk"]
ROLES: tuple[Role, ...] = get_args(Role)
What = Literal["added", "rotated", "changed", "retired"]

FRESH = timedelta(minutes=10)  # between the moment of an act and that at which it arrives, either way
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)

_FACTS = list(staff_facts.columns)
EVERY_FACT = select(*_FACTS).order_by(staff_facts.c.leaf)
ADD_FACT = staff_facts.insert().values({column.name: bindparam(column.name) for column in _FACTS})
_ACTS = list(signed_acts.columns)
ADD_ACT = signed_acts.insert().values({column.name: bindparam(column.name) for column in _ACTS})
ACT = select(*_ACTS).where(signed_acts.c.digest == bindparam("of_digest"))
EVERY_ACT = select(*_ACTS).order_by(signed_acts.c.at, signed_acts.c.digest)
WITH_ENTRIES = (
    select(*_FACTS, leaves.c.entry)
    .join_from(staff_facts, leaves, staff_facts.c.leaf == leaves.c["index"], isouter=True)
    .order_by(staff_facts.c.leaf)
)


class Said(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says: the name, the public key (64 hex digits) and the roles from then on."""

    name: str
    key: str
    roles: tuple[Role, ...]


class Fact(msgspec.Struct, frozen=True):
    """A fact about somebody of the staff: `act` is the digest of the signed act by which it was added, if it was."""

    leaf: int
    staff: str
    what: What
    said: Said
    at: datetime
    act: str | None


class Key(msgspec.Struct, frozen=True):
    """A public key and the time in which it counts."""

    public: bytes
    since: datetime
    until: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Whether it counts at a moment."""
        return self.since <= at and (self.until is None or at < self.until)


class Staff(msgspec.Struct, frozen=True):
    """Somebody of the staff: a random id, a name, the roles held now, and every key there was."""

    id: str
    name: str
    roles: tuple[Role, ...]
    keys: tuple[Key, ...]
    since: datetime
    retired: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the SHA-256 of the newest public key."""
        return hashlib.sha256(self.keys[-1].public).hexdigest()[:16]


def standing(facts: Iterable[Fact]) -> dict[str, Staff]:
    """Everybody as their facts tell, by id, in the order in which they came."""
    found: dict[str, Staff] = {}
    for fact in facts:
        one, said = found.get(fact.staff), fact.said
        if one is None:
            found[fact.staff] = Staff(fact.staff, said.name, said.roles, (_key(said, fact.at),), fact.at)
            continue
        *older, last = one.keys
        keys = one.keys
        if fact.what == "rotated":
            keys = (*older, msgspec.structs.replace(last, until=fact.at), _key(said, fact.at))
        elif fact.what == "retired":
            keys = (*older, msgspec.structs.replace(last, until=fact.at))
        retired = fact.at if fact.what == "retired" else one.retired
        found[fact.staff] = Staff(one.id, said.name, said.roles, keys, one.since, retired)
    return found


class StaffRegister:
    """The staff in `store`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nobody is known.
    """

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    # --- reading ------------------------------------------------------------------------------------------------------

    def everybody(self) -> list[Staff]:
        """Everybody there ever was, in the order in which they came."""
        with self.store.read() as connection:
            return list(standing(_fact(row) for row in connection.execute(EVERY_FACT)).values())

    def find(self, name: str) -> Staff:
        """Who has a name or an id; of several with one name, the one who is not retired. StaffError: nobody."""
        return _named(self.everybody(), name)

    def name(self, id: str) -> str:
        """The name of an id, or the id itself where nobody has it."""
        return next((one.name for one in self.everybody() if one.id == id), id)

    def check(self, signed: SignedAct, roles: Collection[Role] = ROLES) -> Staff:
        """Who signed an act; nothing is stored. StaffError: it does not hold, or they have none of the roles."""
        with self.store.read() as connection:
            known = standing(_fact(row) for row in connection.execute(EVERY_FACT))
            used = connection.execute(ACT, {"of_digest": signed.digest}).first() is not None
        return _checked(known, signed, roles, self.store.clock(), used)

    # --- in a unit of work --------------------------------------------------------------------------------------------

    def take(self, unit: Unit, signed: SignedAct, roles: Collection[Role] = ROLES) -> Staff:
        """Check an act and store it in the unit of work of what it does, so that it counts once. StaffError as above.

        Whoever calls puts the act's digest into the entry of what was done.
        """
        known = standing(_fact(_Row(row)) for row in unit.rows(EVERY_FACT))
        used = bool(unit.rows(ACT, {"of_digest": signed.digest}))
        one = _checked(known, signed, roles, unit.at, used)
        act = signed.act
        unit.change(
            ADD_ACT,
            {
                "digest": signed.digest, "staff": signed.staff, "kind": act.kind, "subject": act.subject,
                "body": signed.body.decode(), "signature": signed.signature, "at": to_micros(unit.at),
            },
        )  # fmt: skip
        return one

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, name: str, roles: Sequence[Role], public: bytes, by: SignedAct | None = None) -> Staff:
        """Add somebody with a public key (32 bytes). Once there is an officer, an officer signs for it.

        The act is `staff.add` with the name as its subject and `key` and `roles` as its values. StaffError: the name
        is none or is taken, a role is unknown, or the act does not hold.
        """
        if not _NAME.fullmatch(name):
            raise StaffError(
                f"'{name[:100]}' is no name for staff: small letters, digits, dots, dashes, underscores, such as mary."
            )
        return self._write("added", name, public, roles, by)

    def rotate(self, name: str, public: bytes, by: SignedAct) -> Staff:
        """Give somebody another key; they sign with the one they have (`staff.rotate`), or an officer does."""
        return self._write("rotated", name, public, None, by)

    def change(self, name: str, roles: Sequence[Role], by: SignedAct) -> Staff:
        """Give somebody other roles; an officer signs (`staff.change`), and not for themselves."""
        return self._write("changed", name, None, roles, by)

    def retire(self, name: str, by: SignedAct) -> Staff:
        """Let somebody sign no longer; an officer signs for it, or they do (`staff.retire`)."""
        return self._write("retired", name, None, None, by)

    def _write(
        self, what: What, name: str, public: bytes | None, roles: Sequence[Role] | None, by: SignedAct | None
    ) -> Staff:
        kind = {"added": "staff.add", "rotated": "staff.rotate", "changed": "staff.change", "retired": "staff.retire"}

        def work(unit: Unit) -> Staff:
            facts = [_fact(_Row(row)) for row in unit.rows(EVERY_FACT)]
            known = standing(facts)
            there = [one for one in known.values() if one.name == name and one.retired is None]
            if what == "added" and there:
                raise StaffError(f"There is a '{name}' already. `troth staff retire` ends that key.")
            one = None if what == "added" else _named(list(known.values()), name)
            if one is not None and one.retired is not None:
                raise StaffError(f"'{name}' is retired since {one.retired:%Y-%m-%d} and stays so. Add another.")
            said = Said(
                name if one is None else one.name,
                public.hex() if public is not None else one.keys[-1].public.hex() if one is not None else "",
                read_roles(roles) if roles is not None else one.roles if one is not None else (),
            )
            _check_public(said.key)
            values = {"key": said.key, "roles": list(said.roles)}
            self._check_who(unit, known, kind[what], name, one, values, said.roles, by)
            if what != "added" and one is not None:
                _check_officers_left(known, one, said, what)
            id = one.id if one is not None else f"stf_{self._random(8).hex()}"
            return self._add(unit, facts, id, what, said, by)

        return self.store.write(work)

    def _check_who(  # noqa: PLR0917
        self,
        unit: Unit,
        known: dict[str, Staff],
        kind: str,
        name: str,
        one: Staff | None,
        values: Mapping[str, object],
        roles: Sequence[Role],
        by: SignedAct | None,
    ) -> None:
        officers = [other for other in known.values() if "officer" in other.roles and other.retired is None]
        if by is None:
            if officers or one is not None:
                names = ", ".join(other.name for other in officers)
                raise StaffError(f"An officer signs for this: {names or 'there is none'}. Say who with --as.")
            if "officer" not in roles:
                raise StaffError("The first of the staff is an officer, who then signs for the others: --role officer.")
            return
        signer = self.take(unit, by)
        act = by.act
        if (act.kind, act.subject, dict(act.values)) != (kind, name, values):
            raise StaffError("What was signed is something else than what is to be done.")
        own = one is not None and signer.id == one.id
        if "officer" not in signer.roles and not (own and kind in ("staff.rotate", "staff.retire")):
            raise StaffError(f"'{signer.name}' is no officer, and an officer signs for this.")
        if own and kind == "staff.change":
            raise StaffError("Nobody gives roles to themselves: another officer signs for it.")

    def _add(  # noqa: PLR0917
        self, unit: Unit, facts: list[Fact], id: str, what: What, said: Said, by: SignedAct | None
    ) -> Staff:
        act = by.digest if by is not None else None
        leaf = append(unit, make_entry("staff", new_event(self._random), unit.at, _entry(id, what, said, act)))
        fact = Fact(leaf, id, what, said, unit.at, act)
        row = {"leaf": leaf, "staff": id, "what": what, "said": _written(said), "at": to_micros(unit.at), "act": act}
        unit.change(ADD_FACT, row)
        return standing([*facts, fact])[id]

    # --- verifying ----------------------------------------------------------------------------------------------------

    def contradictions(self) -> list[str]:
        """A sentence for each fact and each signed act that is not what the record or the signature says."""
        with self.store.read() as connection:
            rows = connection.execute(WITH_ENTRIES).all()
            acts = connection.execute(EVERY_ACT).all()
        found = []
        facts = []
        for row in rows:
            try:
                fact = _fact(row)
                facts.append(fact)
                entry = read_entry(bytes(row.entry)) if row.entry is not None else {}
            except (ValueError, msgspec.DecodeError) as error:
                found.append(f"Fact {row.leaf} about staff cannot be read: {error}")
                continue
            expected = {"kind": "staff", **_entry(fact.staff, fact.what, fact.said, fact.act)}
            if any(entry.get(field) != value for field, value in expected.items()):
                found.append(f"Fact {row.leaf} about staff is not what its entry in the record says.")
        known = standing(facts)
        for act in acts:
            signed = SignedAct(act.staff, act.body.encode(), bytes(act.signature))
            one, at = known.get(act.staff), from_micros(act.at)
            keys = (
                ()
                if one is None
                else tuple(key for key in one.keys if key.since <= at and (key.until is None or at <= key.until))
            )
            if signed.digest != act.digest or not any(signature_holds(signed, key.public) for key in keys):
                found.append(f"The signed act {act.digest[:16]}… of {at:%Y-%m-%d} does not hold.")
        return found


# --- what holds -------------------------------------------------------------------------------------------------------


def _checked(known: dict[str, Staff], signed: SignedAct, roles: Collection[Role], at: datetime, used: bool) -> Staff:
    one = known.get(signed.staff)
    if one is None:
        raise StaffError("Nobody of the staff has signed this.")
    if one.retired is not None:
        raise StaffError(f"'{one.name}' is retired since {one.retired:%Y-%m-%d} and signs for nothing any more.")
    if not any(key.counts(at) and signature_holds(signed, key.public) for key in one.keys):
        raise StaffError(f"The signature is not that of '{one.name}': another key, or altered since it was signed.")
    if used:
        raise StaffError("This was signed and done before; each signed act counts once.")
    if abs(at - moment_of(signed.act)) > FRESH:
        raise StaffError("What was signed is too old, or of a time to come. Is the clock right? Sign it again.")
    if not set(one.roles) & set(roles):
        raise StaffError(f"'{one.name}' is {_listed(one.roles)}; this takes {_listed(tuple(roles), 'or')}.")
    return one


def _check_officers_left(known: dict[str, Staff], one: Staff, said: Said, what: What) -> None:
    left = [
        other for other in known.values() if other.id != one.id and "officer" in other.roles and other.retired is None
    ]
    if not left and "officer" in one.roles and (what == "retired" or "officer" not in said.roles):
        raise StaffError(f"'{one.name}' is the last officer; add another one before.")


def _check_public(key: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise StaffError("A public key has 32 bytes.")


def read_roles(roles: Sequence[str]) -> tuple[Role, ...]:
    """Roles by their names, each once. StaffError: there is none, or one is unknown."""
    found: dict[Role, None] = {}
    known: dict[str, Role] = {role: role for role in ROLES}
    for role in roles:
        if role not in known:
            near = nearest(role, ROLES)
            raise StaffError(
                f"'{role[:40]}' is no role.{f' Did you mean {near}?' if near else ''} There are: {', '.join(ROLES)}."
            )
        found[known[role]] = None
    if not found:
        raise StaffError(f"Somebody of the staff has a role: {', '.join(ROLES)}.")
    return tuple(found)


def _named(everybody: list[Staff], name: str) -> Staff:
    found = [one for one in everybody if name in (one.name, one.id)]
    if not found:
        near = nearest(name, [one.name for one in everybody])
        raise StaffError(
            f"Nobody of the staff is called '{name[:100]}'.{f' Did you mean {near}?' if near else ''} "
            "`troth staff list` has all, `troth staff add` adds one."
        )
    return min(found, key=lambda one: one.retired is not None)


def _listed(words: Sequence[str], joining: str = "and") -> str:
    *most, last = words
    return f"{', '.join(most)} {joining} {last}" if most else last


def _key(said: Said, since: datetime) -> Key:
    return Key(bytes.fromhex(said.key), since)


def _entry(id: str, what: str, said: Said, act: str | None) -> dict[str, object]:
    key = hashlib.sha256(bytes.fromhex(said.key)).hexdigest()
    return {"change": what, "staff": id, "key": key, "roles": ",".join(said.roles), "act": act or ""}


def _written(said: Said) -> str:
    return canonical.encode(msgspec.to_builtins(said)).decode()


class _Row:
    """A row of the table, in the order of its columns."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.leaf, self.staff, self.what, self.said, self.at, self.act = values


def _fact(row: Any) -> Fact:
    said = msgspec.json.decode(row.said, type=Said)
    return Fact(row.leaf, row.staff, row.what, said, from_micros(row.at), row.act)


__all__ = ["FRESH", "ROLES", "Act", "Key", "Role", "Staff", "StaffRegister", "standing"]
