"""What `troth people erase` does besides: it forgets mail that was kept, and prints what proves the erasure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from email import policy as email_policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from troth.cli.terminal import configured, out

if TYPE_CHECKING:
    from troth.people import People
    from troth.vault.erasure import Erasure


def forget_mail(people: People, persons: Iterable[str]) -> int:
    """Delete the messages to these persons in the folder in which mail is kept that is not sent; how many they were."""
    from troth.people import Identifier, PeopleError

    mail = configured().mail
    if "://" in mail or not Path(mail).is_dir():
        return 0
    wanted, deleted = set(persons), 0
    for path in sorted(Path(mail).iterdir()):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            to = BytesHeaderParser(policy=email_policy.default).parse(file)["To"]
        for address in getattr(to, "addresses", ()):
            try:
                if people.find(Identifier("email", address.addr_spec)) in wanted:
                    path.unlink(missing_ok=True)
                    deleted += 1
            except PeopleError:
                continue
    return deleted


def print_erasure(erasure: Erasure, mails: int) -> None:
    """Print what was erased, and what opens the entries about it."""
    if not erasure.entries:
        out.print("They had been erased before.")
        return
    out.print(f"{erasure.persons} person{'s were' if erasure.persons != 1 else ' was'} erased.", style="bold")
    if mails:
        out.print(f"{mails} kept message{'s' if mails != 1 else ''} to them {'are' if mails != 1 else 'is'} gone.")
    if not erasure.scrubbed:
        out.print("Others are using the database, so bytes of it may be in its files yet: troth vault scrub")
    elif not erasure.rewritten:
        out.print("The files of the database are large and were not rewritten: troth vault scrub --rewrite")
    out.print(Text("This proves it, and is kept nowhere else:", style="dim"))
    for entry in erasure.entries:
        opening = entry.opening
        proof = {"leaf": entry.leaf, "event": opening.event, "salt": opening.salt.hex(), "values": opening.values}
        out.file.write(f"{json.dumps(proof)}\n")  # never broken into lines
