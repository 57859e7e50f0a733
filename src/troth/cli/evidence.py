"""`troth evidence`: write the evidence of a promise, with which anyone can verify it offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from troth.cli.record import opened_log
from troth.cli.terminal import fail, out


def evidence(
    promise: Annotated[str, typer.Argument(metavar="ID", help="A promise of the policy in force, by its id")],
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write (default: POLICY-ID-evidence.zip)")
    ] = None,
) -> None:
    """Write the evidence of a promise: a zip file that verifies offline with Python alone.

    It proves what the record says, not that the record tells the truth. Example: troth evidence sale -o pack.zip
    """
    from troth.accountability.complaints.counting import counts_by_statement
    from troth.accountability.promises.evidence import EvidenceError, file_name, write_pack
    from troth.conditions.claims.following import as_claims_stand
    from troth.policy.problems import nearest
    from troth.record.published import published_policy

    with opened_log() as log:
        policy = published_policy(log.store)
        now = log.store.clock()
        policy = None if policy is None else as_claims_stand(log.store, policy, now)
        version = None if policy is None else policy.in_force(now)
        if policy is None or version is None:
            fail("No version of the policy is in force, so nothing is promised.", "`troth publish` publishes one.")
        ids = [statement.id for statement in version.stated_on(now)]
        if promise not in ids:
            near = nearest(promise, ids)
            fail(
                f"The version in force, {version.id}, does not promise '{promise}'.",
                f"Did you mean '{near}'?" if near else "/promises lists them all.",
            )
        log.sign()
        complaints = counts_by_statement(log.store, now)
        target = file or Path(file_name(policy, promise))
        try:
            with target.open("xb") as written:
                try:
                    write_pack(log, policy, promise, now, written, complaints=complaints)
                except BaseException:
                    target.unlink()
                    raise
        except FileExistsError:
            fail(f"{target} exists.", "Name another file with -o.")
        except OSError as error:
            fail(f"{target} cannot be written: {error.strerror}.")
        except EvidenceError as error:
            fail(str(error))
        key = log.keys.public[0]
    out.print(f"Evidence of '{promise}' written to {target}. Unpack it, and verify it without a network:")
    out.print(f'python -I verify.py --key "{key}"', soft_wrap=True, highlight=False)
