"""Recipients from the command line: registered, under contract, ended, listed and checked, with errors that teach."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from terminal import copied, lines, refusal, troth

from troth.cli.settings import flagship

NOW = datetime.now(UTC)
CARDS = ("card-processor", "--staff", "mary")
TERMS = ("--data", "payment.card", "--data", "identity.name", "--for", "service.payment")
ASKED = ("recipient", "given", "card-processor", "payment.card", "--for", "service.payment")


def in_days(days: int) -> str:
    return (NOW + timedelta(days=days)).date().isoformat()


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 160)


def test_a_recipient_from_its_proposal_to_the_confirmed_deletion(place: Path) -> None:
    assert "Nothing is registered" in troth("recipient", "show", "card-processor")[1]
    told = lines("recipient", "propose", *CARDS, "--contact", "jo@cards.example")
    assert re.fullmatch(r"'card-processor' is proposed; entry \d+ of the record\.\n", told)
    (place / "contract.pdf").write_bytes(b"we promise")
    told = lines("recipient", "contract", *CARDS, *TERMS, "--document", "contract.pdf", "--safeguard", "tls")
    assert "The contract 'c1' with 'card-processor' is proposed" in told
    assert troth(*ASKED) == (
        1,
        "By version 2017-02-01 holds: nothing.\n"
        "✘ contract: The contract 'c1' with 'card-processor' is proposed and not signed.\n",
        "",
    )
    assert "is in force;" in lines("recipient", "sign", "card-processor", "c1", "--staff", "mary")
    assert lines(*ASKED) == "By version 2017-02-01 holds: contract.\n"
    listed = lines("recipient", "list")
    assert re.search(r"card-processor +processor +in force +payment\.card, identity\.name for service\.payment", listed)
    assert re.search(r"postal-service +processor +not registered +nothing", listed)
    ended = ("terminate", "card-processor", "c1", "--delete-by", in_days(30), "--why", "Jo left", "--staff", "mary")
    assert "is terminated" in lines("recipient", *ended)
    assert troth(*ASKED)[0] == 1
    shown = lines("recipient", "show", "card-processor", "--history")
    assert f"to delete by {in_days(30)}" in shown
    assert "contact: jo@cards.example" in shown
    assert hashlib.sha256(b"we promise").hexdigest() in re.sub(r"\s", "", shown)
    facts = re.findall(r"^(registered|contract|signed|terminated) +\d{4}-\d\d-\d\d \d\d:\d\d +mary +\d+", shown, re.M)
    assert facts == ["registered", "contract", "signed", "terminated"]
    lines("recipient", "confirm", "card-processor", "c1", "--deleted")
    assert f"deleted {in_days(0)}" in lines("recipient", "show", "card-processor")
    assert "not signed for" not in lines("record", "verify")


def test_a_transfer_and_a_sub_processor() -> None:
    lines("recipient", "propose", *CARDS, "--country", "US", "--country", "IN")
    assert "'t1' (standard-clauses) of transfers to US stands now" in lines(
        "recipient", "transfer", *CARDS, "US", "standard-clauses", "--until", in_days(400)
    )
    assert "stands" in lines("recipient", "show", "card-processor")
    assert "does not stand now" in lines("recipient", "revoke", *CARDS, "t1", "--why", "the court said so")
    assert "revoked" in lines("recipient", "show", "card-processor")
    lines("recipient", "propose", "fraud-check", "--kind", "processor.sub", "--name", "Fraud Check Ltd")
    assert "'card-processor': fraud-check;" in lines("recipient", "subprocessor", *CARDS, "fraud-check")
    read = json.loads(lines("recipient", "list", "--format", "json"))
    listed = {one["id"]: one for one in read["recipients"]}
    assert read["version"] == "2017-02-01"
    assert listed["card-processor"]["subprocessors"] == ["fraud-check"]
    assert (listed["fraud-check"]["name"], listed["fraud-check"]["declared"]) == ("Fraud Check Ltd", False)
    assert "'card-processor': none;" in lines("recipient", "subprocessor", *CARDS, "fraud-check", "--end")
    assert (
        json.loads(lines("recipient", "list", "--version", "2010-04-26", "--format", "json"))["version"] == "2010-04-26"
    )
    # What is left out of a later proposal stays.
    lines("recipient", "propose", *CARDS, "--contact", "jo@cards.example")
    assert "countries: US, IN" in lines("recipient", "show", "card-processor")


def test_check_ends_with_1_when_something_is_closed_or_will_be() -> None:
    code, out, _ = troth("recipient", "check")
    assert code == 1
    assert "✘ card-processor: 'card-processor' is not registered as a recipient. [without-contract]" in out
    lines("recipient", "propose", *CARDS)
    lines("recipient", "contract", *CARDS, *TERMS, "--signed", "2017-01-20", "--until", in_days(60))
    code, out, _ = troth("recipient", "check")
    assert code == 1
    assert f"! card-processor: The contract 'c1' ends on {in_days(60)}, within 90 days. [expiring]" in out
    assert "· card-processor: The contract 'c1' with 'card-processor' covers" in out
    assert "1 of 3 in the policy.) [partly-covered]" in out
    code, out, _ = troth("recipient", "check", "--at", in_days(60))
    assert f"✘ card-processor: The contract 'c1' with 'card-processor' lapsed on {in_days(60)}." in out


def test_check_is_content_when_all_is_there() -> None:
    from troth.policy.history import Policy

    version = Policy.read(flagship()).versions[-1]
    for statement in version.shares:
        for recipient in statement.recipients:
            if "contract" in statement.given:
                terms = [part for term in statement.data for part in ("--data", term)]
                terms += [part for term in statement.purposes for part in ("--for", term)]
                troth("recipient", "propose", recipient)
                lines("recipient", "contract", recipient, *terms, "--signed", "2017-01-20")
    out = lines("recipient", "check")
    assert "✔ Every contract and every basis that the policy speaks of is there." in out
    from sqlalchemy import update

    from troth.store import open_store
    from troth.store.schema import recipient_facts

    with open_store("sqlite:///var/troth.db") as store:
        store.write(lambda unit: unit.change(update(recipient_facts).values(what="engaged")))
    code, out, _ = troth("recipient", "check")
    assert code == 1
    assert "cannot be read" in out
    assert "cannot be read" in refusal("recipient", "list")


REFUSED = [
    (("propose", "card-procesor"), "Did you mean 'card-processor'?"),
    (("propose", "guild", "--kind", "joynt"), "Did you mean 'joint'?"),
    (("propose", "card-processor", "--kind", "joint"), "is of the kind 'processor'"),
    (("contract", "card-processor", *TERMS), "'card-processor' is not registered."),
    (("contract", "card-processor", *TERMS, "--until", "soon"), "--until 'soon' is no time."),
    (("contract", "card-processor", *TERMS, "--document", "no.pdf"), "no.pdf cannot be read: No such file"),
    (("terminate", "card-processor", "c1"), "Give either --return-by or --delete-by"),
    (("terminate", "card-processor", "c1", "--delete-by", "x"), "--delete-by 'x' is no time."),
    (("transfer", "card-processor", "US", "standard-clause"), "Did you mean 'standard-clauses'?"),
    (("list", "--version", "2017"), "The policy has no version '2017'."),
    (("list", "--at", "x"), "--at 'x' is no time."),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
def test_what_cannot_be_done_is_an_error_that_teaches(arguments: tuple[str, ...], says: str) -> None:
    assert says in refusal("recipient", *arguments)
    assert troth("recipient", "show", "card-processor")[0] == 1  # nothing was done


def test_a_contract_says_no_more_than_the_policy() -> None:
    lines("recipient", "propose", *CARDS)
    told = refusal("recipient", "contract", *CARDS, "--data", "contact.email", "--for", "service.payment")
    assert (
        "No statement of version 2017-02-01 shares 'contact.email' with 'card-processor' for 'service.payment'." in told
    )
    assert "`data: [contact.email]`, `with: [card-processor]` and `for: [service.payment]`" in told
    assert "payment.card for service.payment (`card-payments`)" in told


@pytest.mark.parametrize("command", [("list",), ("check",), ("propose", "card-processor")])
def test_without_a_store(command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`troth publish` makes one" in refusal("recipient", *command)


def test_a_page_that_names_the_recipient() -> None:
    partner = ("co-brand-partner", "--staff", "mary")
    given = ("recipient", "given", "co-brand-partner", "contact.email", "--for", "partner.programme")
    lines("recipient", "propose", *partner)
    assert "'notice-given' does not hold" in troth(*given)[1]
    url = "https://gotomeeting.localhost/partner"
    assert "Say on which covered site" in refusal("recipient", "page", *partner, url)
    told = lines("recipient", "page", *partner, url, "--product", "gotomeeting", "--since", in_days(-2))
    assert f"{url} (gotomeeting) names 'co-brand-partner' now; entry" in told
    assert "notice-given" in lines(*given)
    assert "names 'co-brand-partner' already" in refusal("recipient", "page", *partner, url)
    assert url in lines("recipient", "show", "co-brand-partner")
    told = lines("recipient", "page", *partner, url, "--until", in_days(0))
    assert f"does not name 'co-brand-partner' now, until {in_days(0)}" in told
    assert troth(*given)[0] == 1


def test_who_wants_to_know_of_changes() -> None:
    address = "privacy@customer.example"
    assert "can be subscribed to without being on a list" in lines("recipient", "subscribers")
    assert "from now on" in lines("recipient", "subscribe", address, "--staff", "mary")
    assert re.search(rf"{address}, since .*, by mary", lines("recipient", "subscribers"))
    assert "told of changes already" in refusal("recipient", "subscribe", address)
    assert "told no longer" in lines("recipient", "unsubscribe", address)
    assert "is not told of changes" in refusal("recipient", "unsubscribe", address)
