"""The keys of services from the command line: made, listed, rotated and revoked, with errors that teach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from terminal import copied, troth

from troth.gates.services import ServiceKeys
from troth.store import open_store

NEWSLETTER = (
    "key", "create", "newsletter", "--action", "use", "--purpose", "marketing.own", "--data", "contact.email",
    "--product", "gototraining", "--staff", "mary",
)  # fmt: skip


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 160)


def found(place: Path, secret: str) -> str | None:
    with open_store(f"sqlite:///{place / 'var' / 'troth.db'}") as store:
        key = ServiceKeys(store).find(secret)
    return None if key is None else key.name


def test_the_secret_is_alone_on_its_line_so_that_it_can_be_passed_on(place: Path) -> None:
    code, out, err = troth(*NEWSLETTER)
    assert code == 0, err
    assert re.fullmatch(r"troth_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", out)
    assert found(place, out.strip()) == "newsletter"
    assert "It is shown this once" in err
    assert "actions use; purposes marketing.own; data contact.email; products gototraining" in err
    assert out.strip() not in err


def test_the_list_shows_what_each_is_for_and_no_secret() -> None:
    assert "There is no key" in troth("key", "list")[1]
    secret = troth(*NEWSLETTER)[1].strip()
    troth(
        "key",
        "create",
        "auditor",
        *(part for name in ("action", "purpose", "data", "product", "recipient") for part in (f"--{name}", "*")),
    )
    listed = troth("key", "list")[1]
    assert secret[-43:] not in listed
    assert re.search(r"newsletter +actions use; purposes marketing\.own; .* by mary +counts", listed)
    assert re.search(r"auditor +actions \*; purposes \*; data \*; products \*; recipients \*", listed)


def test_rotating_and_revoking(place: Path) -> None:
    first = troth(*NEWSLETTER)[1].strip()
    code, out, err = troth("key", "rotate", "newsletter")
    second = out.strip()
    assert (code, found(place, first), found(place, second)) == (0, "newsletter", "newsletter")
    assert re.search(r"The one before counts until \d{4}-\d\d-\d\d \d\d:\d\d UTC", err)
    assert "two secrets until" in troth("key", "list")[1]
    third = troth("key", "rotate", "newsletter", "--overlap", "0")[1].strip()
    assert [found(place, one) for one in (first, second, third)] == [None, None, "newsletter"]
    code, out, err = troth("key", "revoke", "newsletter")
    assert (code, "is revoked" in out, "It was the last one" in err) == (0, True, True)
    assert found(place, third) is None
    assert "revoked 2" in troth("key", "list")[1]
    assert troth("record", "verify")[0] == 0  # every change was signed for


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            (*NEWSLETTER[:3], "--action", "uses", *NEWSLETTER[5:]),
            "'uses' is not an action of the policy. Did you mean 'use'?",
        ),
        ((*NEWSLETTER, "--purpose", "marketing.onw"), "'marketing.onw' is not a purpose of the policy. Did you mean"),
        ((*NEWSLETTER, "--data", "email"), "Did you mean 'contact.email'?"),
        ((*NEWSLETTER, "--product", "gototrainin"), "Did you mean 'gototraining'?"),
        ((*NEWSLETTER, "--statement", "registratio"), "Did you mean"),
        (("key", "create", "newsletter"), "Without --action the key may ask for nothing."),
        (NEWSLETTER[:-4], "Without --product the key may ask for nothing."),
        ((*NEWSLETTER, "--action", "share"), "Without --recipient the key may share with nobody."),
        ((*NEWSLETTER, "--action", "share", "--recipient", "card-procesor"), "Did you mean 'card-processor'?"),
        ((*NEWSLETTER, "--recipient", "card-processor"), "so --recipient says nothing"),
        (("key", "create", "News", *NEWSLETTER[3:]), "'News' is no name for a key"),
        (("key", "rotate", "nobody"), "There is no key 'nobody'."),
        (("key", "revoke", "nobody"), "There is no key 'nobody'."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(arguments: tuple[str, ...], says: str) -> None:
    code, out, err = troth(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert says in err
    assert "There is no key" in troth("key", "list")[1]


def test_a_key_that_collects_needs_only_statements_and_products() -> None:
    code, _, err = troth(
        "key", "create", "site", "--action", "collect", "--statement", "registration", "--product", "*"
    )
    assert code == 0, err
    code, _, err = troth("key", "create", "site", *NEWSLETTER[3:])
    assert (code, "There is a key 'site' already." in err) == (2, True)


def test_a_key_that_shares_names_recipients_of_the_policy_or_of_the_register(place: Path) -> None:
    asked = ("--action", "share", "--purpose", "*", "--data", "*", "--product", "*", "--recipient")
    code, _, err = troth("key", "create", "shop", *asked, "card-processor")
    assert (code, "recipients card-processor" in err) == (0, True)
    assert "Did you mean" not in troth("key", "create", "court", *asked, "high-court")[2]
    told = troth("recipient", "propose", "high-court", "--kind", "authority", "--name", "High Court", "--country", "US")
    assert told[0] == 0, told
    assert troth("key", "create", "court", *asked, "high-court")[0] == 0


def test_without_a_store_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, _, err = troth(*NEWSLETTER)
    assert (code, "`troth publish` makes one" in err) == (2, True)
