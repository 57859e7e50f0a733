"""`troth publish`, `record` and `receipt`: the record by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.terminal import POLICY_HELP, configured, err, fail, out, read_policy

if TYPE_CHECKING:
    from troth.policy.history import Policy
    from troth.record.log import Log
    from troth.record.published import Publishing
    from troth.store import Store

record = typer.Typer(no_args_is_help=True, help="The record: verify it, and keep its keys.")
receipt = typer.Typer(no_args_is_help=True, help="Receipts: proofs that an entry is in the record.")


def store_exists() -> bool:
    """Whether the configured store is there; one on a database server is taken to be."""
    database = configured().database
    return not database.startswith("sqlite:///") or Path(database.removeprefix("sqlite:///")).exists()


@contextmanager
def opened_store(*, create: bool = False) -> Iterator[Store]:
    """The configured store; ends with an error that names the remedy when it cannot be used."""
    from troth.store import StoreError, open_store

    configuration = configured()
    if not create and not store_exists():
        fail(f"There is no store at {configuration.database} yet.", "`troth publish` makes one, with the policy in it.")
    try:
        if create and configuration.database.startswith("sqlite:///"):
            configuration.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open_store(configuration.database, create=create) as store:
            yield store
    except StoreError as error:
        fail(str(error))


def published_in(store: Store, so: str) -> Policy:
    """The published policy of a store; ends with an error if there is none, and `so` says what that means."""
    from troth.policy.problems import PolicyError
    from troth.record.errors import RecordError
    from troth.record.published import published_policy

    try:
        policy = published_policy(store)
    except (RecordError, PolicyError) as error:
        fail(str(error))
    if policy is None:
        fail(f"Nothing is published yet, so {so}.", "`troth publish` publishes the policy.")
    return policy


@contextmanager
def opened_log(*, create: bool = False) -> Iterator[Log]:
    """The configured log with its keys; with `create`, an empty store and a first key are made."""
    from troth.record.errors import RecordError
    from troth.record.keys import PRIVATE, create_keys
    from troth.record.log import open_log
    from troth.record.reader import RecordReader

    configuration = configured()
    with opened_store(create=create) as store:
        try:
            # A first key is made for a new record only: a record that lost its key must not go on under another.
            if create and not (configuration.keys / PRIVATE).exists() and RecordReader(store).latest() is None:
                create_keys(configuration.keys, configuration.log)
            yield open_log(store, configuration.keys)
        except (RecordError, FileExistsError, ValueError) as error:
            fail(str(error))


def publish(
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
) -> None:
    """Put the versions of the policy into the record, and so into force on their dates.

    Versions that are published already stay as they are. Example: troth publish --policy policy
    """
    read = read_policy(policy)
    with opened_log(create=True) as log:
        for done in publish_checked(log, read):
            state = "published" if done.new else "was published"
            out.print(f"{done.version.version}: {state} as entry {done.version.leaf} of the record")
        head = log.sign().head
        out.print(f"The record has {head.size} entries; its root is {head.root.hex()}.")


def publish_checked(log: Log, policy: Policy) -> list[Publishing]:
    """Publish a policy; ends with the findings when its check finds errors."""
    from troth.policy.check import findings_as_lines
    from troth.record.published import FaultyPolicyError, publish_policy

    try:
        return publish_policy(log, policy)
    except FaultyPolicyError as error:
        for line in findings_as_lines(error.findings):
            err.print(line)
        fail(str(error))


@record.command("verify")
def verify() -> None:
    """Verify the whole record: every entry, hash, tile, checkpoint and published file. Ends with 1 if any is wrong.

    What staff signed and what became of legal requests and transfers of the business is held against it, too.
    """
    from troth.accountability.verifying.contradictions import contradictions
    from troth.record.pinned import read_pinned
    from troth.record.verification import verify_record
    from troth.record.verifier import VerifyError

    with opened_log() as log:
        try:
            verified = verify_record(log, log.keys.trusted, read_pinned(log.folder, log.keys))
        except VerifyError as error:
            out.print(f"✘ The record does not hold: {error}", style="bold red")
            raise typer.Exit(1) from None
        found = contradictions(log.store)
    for sentence in found:
        out.print(f"✘ {sentence}", style="bold red")
    if found:
        raise typer.Exit(1)
    size = verified.head.size if verified.head else 0
    out.print(f"✔ The record holds: {size} entries, {verified.checkpoints} checkpoints.", style="bold green")
    if verified.head:
        out.print(f"  {verified.head.origin}, root {verified.head.root.hex()}")
    if verified.unsigned:
        out.print(f"  {verified.unsigned} more entries are durable and not signed for yet.")


@record.command("key")
def key() -> None:
    """Print the public keys with which anybody can verify the record, the newest first."""
    from troth.record.errors import RecordError
    from troth.record.keys import load_keys

    try:
        keys = load_keys(configured().keys)
    except RecordError as error:
        fail(str(error))
    for public in keys.public:
        out.print(str(public))


@record.command("rotate")
def rotate(
    retire: Annotated[bool, typer.Option("--retire", help="Let only the newest key sign from now on")] = False,
) -> None:
    """Add a new signing key beside the old ones; later, with --retire, let only the newest sign.

    Between the two, everything is signed by both, so that those who verify have time to learn the new key.
    """
    from troth.record.errors import RecordError
    from troth.record.keys import add_key, retire_keys

    folder = configured().keys
    try:
        keys = retire_keys(folder) if retire else add_key(folder)
    except RecordError as error:
        fail(str(error))
    with opened_log() as log:
        log.sign()
    out.print(f"{len(keys.signing)} key{'s sign' if len(keys.signing) > 1 else ' signs'} the record now:")
    for signing in keys.signing:
        out.print(f"  {signing.public}")


@record.command("adopt")
def adopt() -> None:
    """Trust the database again after the checkpoint beside the key was lost. Only if this is the newest database."""
    from troth.record.errors import RecordError
    from troth.record.keys import load_keys
    from troth.record.log import Log

    with opened_store() as store:
        try:
            head = Log(store, configured().keys, load_keys(configured().keys)).adopt().head
        except RecordError as error:
            fail(str(error))
    out.print(f"The record of {head.size} entries is the known one again.")


@receipt.command("verify")
def receipt_verify(
    file: Annotated[Path, typer.Argument(help="A .tlog-proof file, or the receipt of a choice (JSON)")],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A public key you trust; else those configured")
    ] = None,
    document: Annotated[Path | None, typer.Option(help="The document whose hash the entry states")] = None,
) -> None:
    """Verify a receipt offline. The same as the stand-alone file verifier.py, which needs no Troth."""
    from troth.record import verifier
    from troth.record.errors import RecordError
    from troth.record.keys import load_keys

    if not key:
        try:
            key = [str(trusted) for trusted in load_keys(configured().keys).trusted]
        except RecordError as error:
            fail(str(error), "Or name a key that you trust with --key.")
    arguments = [str(file), *(part for one in key for part in ("--key", one))]
    sys.exit(verifier.main([*arguments, *(["--document", str(document)] if document else [])]))


@receipt.command("get")
def receipt_get(
    version: Annotated[str, typer.Argument(help="A published version: its effective date")],
    file: Annotated[Path | None, typer.Argument(help="The file to write (default: VERSION.tlog-proof)")] = None,
) -> None:
    """Write the receipt of the publication of a version."""
    from troth.record.publishing import published_versions

    with opened_log() as log:
        found = [one for one in published_versions(log.store) if one.version == version]
        if not found:
            there = ", ".join(one.version for one in published_versions(log.store)) or "none"
            fail(f"No version '{version}' was published.", f"Published: {there}.")
        proof = log.receipt(found[0].leaf)
        if proof is None:
            log.sign()
            proof = log.receipt(found[0].leaf)
    assert proof is not None  # noqa: S101 - a signed record has a receipt for every entry
    target = file or Path(f"{version}.tlog-proof")
    try:
        with target.open("xb") as written:
            written.write(proof)
    except FileExistsError:
        fail(f"{target} exists.", "Name another file.")
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}.")
    out.print(f"Receipt of {found[0].policy} {version} written to {target}.")
