"""The commands of `troth complaint` that staff sign: each step is an entry in the record and never changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from troth.cli.complaint import Id, body, complaint, opened_desk
from troth.cli.recipient import day
from troth.cli.record import opened_log
from troth.cli.staff import As, Key, signer_of
from troth.cli.terminal import fail, out

if TYPE_CHECKING:
    from troth.accountability.complaints.facts import Ending, Said
    from troth.accountability.complaints.standing import ComplaintStanding

__all__ = ["complaint"]

Words = Annotated[
    str | None, typer.Option("--text", help="What is said, in words that people understand; - reads it from the input")
]
WordsFile = Annotated[Path | None, typer.Option("--file", help="A text file with it instead")]


@complaint.command("receive")
def receive(
    statement: Annotated[str | None, typer.Option("--statement", help="The promise that it is about")] = None,
    site: Annotated[str | None, typer.Option("--site", help="The covered site or product")] = None,
    address: Annotated[str | None, typer.Option("--address", help="The e-mail address to answer to")] = None,
    request: Annotated[
        bool, typer.Option("--request", help="They use the right that --statement names; it is no complaint")
    ] = False,
    agreed: Annotated[
        bool, typer.Option("--agreed", help="They agree that the recourse body may read what they wrote")
    ] = False,
    text: Words = None,
    file: WordsFile = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Take in a complaint, or a request of a right, that came by letter or telephone. It prints the code that whoever
    wrote gets with the acknowledgement.

    Example: troth complaint receive --statement never-sell --text "You sold my address." --as dora
    """
    from troth.accountability.complaints.desk import Form
    from troth.accountability.complaints.texts import text as written
    from troth.accountability.signing import sign

    said = _words(text, file)
    with opened_log() as log, opened_desk(log.store) as desk:
        form = Form(
            "request" if request else "complaint", written("text", said), statement, site, _address(address), agreed
        )
        taking = desk.take_in(form, by="staff")
        signer = signer_of(log.store, as_, key)
        act = desk.act(taking.id, taking.said, log.store.clock())
        fact = desk.receive_signed(taking, sign(act, signer.staff.id, signer.key))
        log.sign()
    out.print(f"{taking.id} is taken in (entry {fact.leaf}). Next: troth complaint acknowledge {taking.id}")
    out.print(f"Its code, which is shown this once: {taking.code}")


@complaint.command("acknowledge")
def acknowledge(id: Id, as_: As = None, key: Key = None) -> None:
    """Say that whoever complained was told that it is here. What comes by the page is acknowledged by itself."""
    from troth.accountability.complaints.facts import Acknowledged

    _do(id, Acknowledged(by="staff"), None, as_, key, "is acknowledged")


@complaint.command("answer")
def answer(id: Id, text: Words = None, file: WordsFile = None, as_: As = None, key: Key = None) -> None:
    """Answer a complaint. Whoever complained reads it by their code, and is mailed where they gave an address.

    Example: troth complaint answer cmp_0123456789abcdef --text "You are right. We have stopped it." --as dora
    """
    from troth.accountability.complaints.facts import Answered

    _do(id, Answered(by="staff"), _words(text, file), as_, key, "is answered")


@complaint.command("add")
def add(id: Id, text: Words = None, file: WordsFile = None, as_: As = None, key: Key = None) -> None:
    """Write more about a complaint, for whoever complained and for the body that it went to."""
    from troth.accountability.complaints.facts import Added

    _do(id, Added(by="staff"), _words(text, file), as_, key, "has something more")


@complaint.command("escalate")
def escalate(id: Id, as_: As = None, key: Key = None) -> None:
    """Pass a complaint on to the recourse body that the policy names. What people wrote goes along if they agreed."""
    from troth.accountability.complaints.facts import Escalated

    def make(one: ComplaintStanding) -> Said:
        to = one.received.then
        if to is None:
            fail("The policy names nobody who comes next.", "`answers: complaints: {then: …}` names a body.")
        return Escalated(by="staff", to=to, why="asked", handed=one.received.agreed)

    _do(id, make, None, as_, key, "went to the recourse body")


@complaint.command("appeal")
def appeal(id: Id, text: Words = None, file: WordsFile = None, as_: As = None, key: Key = None) -> None:
    """Ask the body to look at its determination again, within 30 days, once. Counsel or an officer signs."""
    from troth.accountability.complaints.facts import Appealed

    _do(id, Appealed(by="staff"), _words(text, file), as_, key, "is appealed")


@complaint.command("remedy")
def remedy(id: Id, text: Words = None, file: WordsFile = None, as_: As = None, key: Key = None) -> None:
    """Say that what the body determined is done, and what that was. Counsel or an officer signs."""
    from troth.accountability.complaints.facts import Remedied

    _do(id, Remedied(by="staff"), _words(text, file), as_, key, "is remedied")


@complaint.command("close")
def close(
    id: Id,
    why: Annotated[str, typer.Option("--why", help="ineligible, silent (30 days after the answer), noted (feedback)")],
    rule: Annotated[
        int | None, typer.Option("--rule", help="Which rule of the programme it fails: 1 is the first that is shown")
    ] = None,
    text: Words = None,
    file: WordsFile = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Close a complaint that is not eligible, or that nobody came back to; or feedback, once it is noted.

    Whoever complained can go to the recourse body all the same.
    Example: troth complaint close cmp_0123456789abcdef --why ineligible --rule 3 --text "It is software." --as olga
    """
    from troth.accountability.complaints.case_file import rules as rules_of
    from troth.accountability.complaints.facts import Closed
    from troth.policy.problems import nearest

    endings = ("ineligible", "silent", "noted")
    if why not in endings:
        near = nearest(why, endings)
        fail(f"--why '{why[:40]}' is no reason to close it.", f"Did you mean {near}?" if near else ", ".join(endings))
    found = None
    if why == "ineligible":
        with opened_desk() as desk:
            rules = rules_of(desk, desk.find(id))
        if rule is None or not 1 <= rule <= len(rules):
            listed = "; ".join(f"{n}: {one}" for n, one in enumerate(rules, 1))
            fail("--rule names which rule it fails.", listed or "The body that comes next has no rules.")
        found = rules[rule - 1]
    words = None if text is None and file is None else _words(text, file)
    _do(id, Closed(by="staff", why=cast("Ending", why), rule=found), words, as_, key, "is closed")


@complaint.command("erase")
def erase(id: Id, as_: As = None, key: Key = None) -> None:
    """Destroy the key of a complaint that has ended, with all that people wrote in it. An officer signs."""
    from troth.accountability.complaints.facts import Erased

    _do(id, Erased(by="staff"), None, as_, key, "has no texts any more")


@body.command("add")
def body_add(
    name: Annotated[str, typer.Argument(help="The claim with recourse, or the recipient, that the policy names")],
    programme: Annotated[str | None, typer.Option("--programme", help="The programme whose rules it goes by")] = None,
    folder: Annotated[Path | None, typer.Option("--programmes", help="A folder with programmes of your own")] = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Make a token with which a recourse body reads and settles the complaints that go to it, and no others.

    Example: troth complaint body add truste --as olga
    """
    from troth.accountability.claims.programmes import programme as read
    from troth.accountability.complaints.bodies import eligible_of, known_names
    from troth.accountability.signing import sign
    from troth.policy.problems import nearest

    with opened_log() as log, opened_desk(log.store) as desk:
        known = known_names(desk.policy)
        if name not in known:
            near = nearest(name, list(known))
            hint = f"Did you mean '{near}'?" if near else "A claim has `recourse: true`, or it is a recipient."
            fail(f"The policy names no body '{name[:60]}'.", hint)
        rules = read(programme, folder).eligible if programme else eligible_of(desk.policy, name)
        id, token, said = desk.bodies.new(name, rules)
        signer = signer_of(log.store, as_, key)
        act = desk.bodies.act(id, said, log.store.clock())
        desk.bodies.enter(id, said, sign(act, signer.staff.id, signer.key))
        log.sign()
    out.print(f"{known[name]} is body {id}, with {len(rules)} rules of its programme.")
    out.print(f"Its page, which is shown this once; give it to nobody else: /recourse/{token}")


@body.command("list")
def body_list() -> None:
    """List the bodies that have a token, or had one."""
    with opened_desk() as desk:
        known = desk.bodies.all().values()
    for one in known:
        until = f"revoked {day(one.revoked)}" if one.revoked is not None else "has a token"
        out.print(f"{one.id}  {one.name}  since {day(one.since)}  {until}")
    if not known:
        out.print("There is no recourse body yet. `troth complaint body add` makes one.")


@body.command("revoke")
def body_revoke(
    id: Annotated[str, typer.Argument(metavar="BODY", help="The id of a body, such as bdy_0123456789abcdef")],
    as_: As = None,
    key: Key = None,
) -> None:
    """Revoke the token of a body: its page is gone from now on. An officer signs."""
    from troth.accountability.complaints.bodies import Revoked
    from troth.accountability.signing import sign

    with opened_log() as log, opened_desk(log.store) as desk:
        signer = signer_of(log.store, as_, key)
        act = desk.bodies.act(id, Revoked(), log.store.clock())
        desk.bodies.enter(id, Revoked(), sign(act, signer.staff.id, signer.key))
        log.sign()
    out.print(f"{id} opens nothing any more.")


# --- inside -----------------------------------------------------------------------------------------------------------


def _do(id: str, said: object, words: str | None, name: str | None, key: Path | None, done: str) -> None:
    """Let somebody sign a step, and enter it; `said` may be made from how the complaint stands."""
    from troth.accountability.complaints.texts import text as written
    from troth.accountability.signing import sign

    with opened_log() as log, opened_desk(log.store) as desk:
        made = cast("Said", said(desk.find(id)) if callable(said) else said)
        desk.find(id)
        made, prepared = desk.prepare(id, made, written("text", words) if words is not None else ())
        signer = signer_of(log.store, name, key)
        signed = sign(desk.act(id, made, log.store.clock()), signer.staff.id, signer.key)
        fact = desk.do_signed(id, made, prepared, signed)
        log.sign()
    out.print(f"'{id}' {done} (entry {fact.leaf}).")


def _words(text: str | None, file: Path | None) -> str:
    """What is to be said; ends with an error where there is nothing."""
    if (text is None) == (file is None):
        fail("Say it with --text, or with --file from a file.", "--text - reads it from the input.")
    try:
        said = file.read_text("utf-8") if file is not None else sys.stdin.read() if text == "-" else text or ""
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--file: {file} cannot be read: {error}")
    if not said.strip():
        fail("There are no words in it.")
    return said


def _address(address: str | None) -> str | None:
    from troth.people import Identifier
    from troth.people.errors import IdentifierError
    from troth.people.identifiers import normalise

    if address is None:
        return None
    try:
        return normalise(Identifier("email", address))
    except IdentifierError as error:
        fail(f"--address: {error}")
