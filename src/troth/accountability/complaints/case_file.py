"""The case file: everything that a recourse body gets of a complaint, in one zip that the key of the log signs.

It holds what happened, what was written as far as the person agreed, what opens the commitments of the record, a proof
for each entry with the checkpoint that covers it, the promise with its version, and the rules of the programme. The
manifest has the SHA-256 of every file; `manifest.note` is a signed note (c2sp.org/signed-note) of the manifest's.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import bindparam, select

from troth.accountability.complaints.bodies import eligible_of
from troth.accountability.complaints.deadlines import deadlines
from troth.accountability.complaints.desk import SORT, ComplaintDesk
from troth.accountability.complaints.facts import Escalated, Kept
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.complaints.texts import Opened
from troth.accountability.errors import AccountabilityError
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.cases import said_of
from troth.record.keys import sign_note
from troth.record.log import Log
from troth.store.schema import case_facts

HERE = Path(__file__).parent
FIRST = "troth case file v1"  # the first line of what is signed, which no checkpoint begins with
EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "application/pdf": ".pdf", "text/plain": ".txt"}
SALTS = (
    select(case_facts.c.leaf, case_facts.c.event, case_facts.c.salt, case_facts.c.said, case_facts.c.act)
    .where(case_facts.c.subject == bindparam("of_subject"))
    .order_by(case_facts.c.leaf)
)


class NotProvableYetError(AccountabilityError):
    """No signed checkpoint covers the case yet; in a second one does."""


def readable(one: ComplaintStanding) -> tuple[Kept, ...]:
    """What a body may read: what was written since the complaint went to it, and the rest if the person agreed.

    Never the address.
    """
    found: list[Kept] = []
    since = False
    for fact in one.facts:
        since = since or isinstance(fact.said, Escalated)
        if one.handed or since or fact.said.by == "body":
            found += [kept for kept in fact.said.kept if kept.sort != "address"]
    return tuple(found)


def version_of(policy: Policy, one: ComplaintStanding) -> Version:
    """The version of the policy under which a complaint came. AccountabilityError: it is not there any more."""
    found = next((version for version in policy.versions if version.id == one.received.version), None)
    if found is None:
        raise AccountabilityError(f"The version {one.received.version} of the policy is not there.")
    return found


def sentence_of(policy: Policy, one: ComplaintStanding) -> str | None:
    """The promise that a complaint is about, as its version has it."""
    version = version_of(policy, one)
    about = next((each for each in version.statements if each.id == one.received.statement), None)
    return about.says.in_(version.language) if about is not None else None


def case_file(desk: ComplaintDesk, log: Log, one: ComplaintStanding) -> bytes:
    """The bytes of the zip. NotProvableYetError; StoreUnavailableError: try again."""
    checkpoint = log.latest()
    if checkpoint is None or log.size() > checkpoint.head.size:
        log.sign()
        checkpoint = log.latest()
    may = {kept.id for kept in readable(one)}
    opened = {id: found for id, found in desk.texts.read(one.id).items() if id in may}
    names = {id: _file_name(found) for id, found in opened.items() if found.written.sort == "file"}
    case = _case(desk, one, opened, names)
    files: dict[str, bytes] = {
        "case.json": msgspec.json.format(msgspec.json.encode(case), indent=2) + b"\n",
        "case.html": _html(desk, one, opened, names, case),
    }
    for id, name in names.items():
        files[name] = opened[id].written.data
    for fact in one.facts:
        receipt = log.receipt(fact.leaf)
        if receipt is None or checkpoint is None:
            raise NotProvableYetError("No signed checkpoint covers the case yet; ask again in a moment.")
        files[f"proofs/{fact.leaf}.tlog-proof"] = receipt
        files["checkpoint"] = checkpoint.note
    keys = "".join(f"{key}\n" for key in log.keys.public)
    files["README.txt"] = README.encode()
    files["log-keys.txt"] = keys.encode()
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    files["manifest.json"] = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    digest = hashlib.sha256(files["manifest.json"]).hexdigest()
    files["manifest.note"] = sign_note(f"{FIRST}\n{one.id}\n{digest}\n", log.keys.signing)
    return _zip(files, desk.store.clock())


def _case(
    desk: ComplaintDesk, one: ComplaintStanding, opened: Mapping[str, Opened], names: Mapping[str, str]
) -> dict[str, object]:
    version = version_of(desk.policy, one)
    with desk.store.read() as connection:
        rows = {row.leaf: row for row in connection.execute(SALTS, {"of_subject": one.id})}
    facts = []
    for fact in one.facts:
        row = rows[fact.leaf]
        committed = said_of(SORT, one.id, fact.what, row.said, None, fact.staff, row.act)
        facts.append(
            {
                "entry": fact.leaf, "at": fact.at, "what": fact.what, "by": fact.said.by, "said": fact.said,
                "opens": {"event": row.event, "salt": bytes(row.salt).hex(), "values": committed},
            }
        )  # fmt: skip
    texts = {
        id: {
            "sort": found.written.sort, "type": found.written.type, "salt": found.salt.hex(),
            "name": found.written.name, "file": names.get(id),
            "text": None if id in names else found.written.text,
        }
        for id, found in opened.items()
    }  # fmt: skip
    return {
        "type": "troth.complaint-case",
        "complaint": one.id,
        "state": one.state,
        "body": one.body,
        "agreed": one.handed,
        "policy": {
            "id": version.policy, "version": version.id, "sha256": version.sha256, "publisher": version.publisher.name,
            "statement": one.received.statement, "says": sentence_of(desk.policy, one), "site": one.received.site,
        },
        "eligible": rules(desk, one),
        "deadlines": deadlines(one),
        "facts": facts,
        "texts": texts,
    }  # fmt: skip


def rules(desk: ComplaintDesk, one: ComplaintStanding) -> tuple[str, ...]:
    """The rules by which the body that comes next takes a complaint: those it has, or those of its programme."""
    then = one.received.then
    return () if then is None else desk.bodies.rules(then) or eligible_of(desk.policy, then)


def _html(
    desk: ComplaintDesk,
    one: ComplaintStanding,
    opened: Mapping[str, Opened],
    names: Mapping[str, str],
    case: Mapping[str, object],
) -> bytes:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    version = version_of(desk.policy, one)
    return (
        environment.get_template("case.html")
        .render(one=one, opened=opened, names=names, case=case, version=version, staff=_staff(desk))
        .encode()
    )


def _staff(desk: ComplaintDesk) -> dict[str, str]:
    return {one.id: one.name for one in desk.staff.everybody()}


def _file_name(found: Opened) -> str:
    return f"files/{found.id}{EXTENSIONS.get(found.written.type, '.bin')}"


def _zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    made = io.BytesIO()
    moment: Sequence[int] = at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _ordered(files.items()):
            info = zipfile.ZipInfo(name, (moment[0], moment[1], moment[2], moment[3], moment[4], moment[5]))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return made.getvalue()


def _ordered(items: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return sorted(items, key=lambda item: (item[0] != "README.txt", item[0]))


README = """\
The case file of a complaint.

case.html      to read and print; it runs no script and loads nothing
case.json      the same for machines
files/         what was attached, as far as the person agreed to hand it over
proofs/        for each step a proof that its entry is in the record (c2sp.org/tlog-proof)
checkpoint     the signed head of the record that covers them (c2sp.org/tlog-checkpoint)
log-keys.txt   the public keys of the record; compare them with those that you know
manifest.json  the SHA-256 of every file
manifest.note  the SHA-256 of manifest.json, signed by the key of the record (c2sp.org/signed-note)

In case.json each step has what opens the commitments of its entry: HMAC-SHA-256 under the salt (as bytes) of the
canonical JSON [field, value]. A text has its own salt, under the field "written".
"""
