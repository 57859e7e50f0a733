"""What the register takes, and the errors that teach what it would take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from register_clock import Clock

from troth.conditions import RecipientError, Register
from troth.conditions.facts import (
    Contract,
    Engaged,
    Profile,
    Released,
    Returned,
    Revoked,
    Said,
    Signed,
    Terminated,
    Transfer,
)

NOW = datetime(2020, 3, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
LETTERS = Profile(name="Letter House", kind="processor", countries=("DE",))


def contract(**fields: object) -> Contract:
    usual = {"id": "c1", "begins": NOW, "accepts": "2020-01-01", "data": ("contact",), "purposes": ("service.notice",)}
    return Contract(**{**usual, **fields})


@pytest.fixture
def filled(register: Register) -> Register:
    """A letter house with a contract that is signed, and one that is terminated."""
    for said in (
        LETTERS,
        contract(signed=NOW),
        contract(id="old", signed=NOW),
        Terminated(contract="old", on=NOW, owed="delete", due=NOW),
        Returned(contract="old", on=NOW, how="deleted"),
        Transfer(id="t1", country="US", by="adequacy", begins=NOW),
        Revoked(transfer="t1", on=NOW),
    ):
        register.add("letters", said, by="mary")
    return register


REFUSED: list[tuple[str, Said, str]] = [
    ("letter", contract(id="c2"), "'letter' is not registered. Did you mean 'letters'?"),
    ("Letters", LETTERS, "is no id for a recipient"),
    ("letters", Profile(name=" ", kind="processor"), "has a name"),
    ("letters", Profile(name="L", kind="joint"), "The policy says that 'letters' is of the kind 'processor'."),
    ("letters", Profile(name="L", kind="processor", countries=("USA",)), "'USA' is no country"),
    ("letters", Profile(name="L", kind="processor", site="letters.example"), "begins with https://"),
    ("guild", Profile(name="G", kind="joynt"), "is not a kind of recipient. Did you mean 'joint'?"),
    ("joint", Profile(name="G", kind="joint"), "give the recipient an id of its own"),
    ("leters", Profile(name="L", kind="processor"), "neither declares 'leters' nor shares anything with the kind"),
    ("leters", Profile(name="L", kind="processor"), "Did you mean 'letters'?"),
    ("letters", contract(), "There is a contract 'c1' with 'letters' already."),
    ("letters", contract(id="C 2"), "is no id for a contract"),
    ("letters", contract(id="c2", ends=NOW), "that is too late"),
    ("letters", contract(id="c2", accepts="2020-02-01"), "no version '2020-02-01'. There are: 2020-01-01, 2021-01-01."),
    ("letters", contract(id="c2", data=()), "says which data"),
    ("letters", contract(id="c2", purposes=()), "says which purposes"),
    ("letters", contract(id="c2", data=("contact.mail",)), "'contact.mail' is not a data term of version 2020-01-01."),
    ("letters", contract(id="c2", data=("contact.mail",)), "Did you mean 'contact.email'?"),
    ("letters", contract(id="c2", safeguards=("tsl",)), "Did you mean 'tls'?"),
    ("letters", contract(id="c2", data=("payment.card",)), "No statement of version 2020-01-01 shares 'payment.card'"),
    ("letters", contract(id="c2", data=("payment.card",)), "`data: [payment.card]`, `with: [letters]` and `for: [serv"),
    ("letters", contract(id="c2", purposes=("service",)), "contact for service.notice, service.payment (`post`)."),
    ("letters", contract(id="c2", accepts="2021-01-01"), "Did you mean 'contact.address'?"),
    ("letters", contract(id="c2", document="c1.pdf"), "by its SHA-256"),
    ("letters", Signed(contract="c2", on=NOW), "has no contract 'c2'. There is: c1, old."),
    ("letters", Signed(contract="c1", on=NOW), "'c1' is signed, as of 2020-03-01."),
    ("letters", Terminated(contract="old", on=NOW, owed="return", due=NOW), "'old' is terminated"),
    ("letters", Terminated(contract="c1", on=NOW, owed="return", due=NOW - YEAR), "that is too late"),
    ("letters", Returned(contract="c1", on=NOW, how="deleted"), "is not terminated, so nothing is due"),
    ("letters", Returned(contract="old", on=NOW, how="deleted"), "It was confirmed for 'old'"),
    ("letters", Transfer(id="t1", country="US", by="adequacy", begins=NOW), "has a basis 't1' already"),
    ("letters", Transfer(id="t2", country="us", by="adequacy", begins=NOW), "'us' is no country"),
    ("letters", Transfer(id="t2", country="US", by="adequacy", begins=NOW, ends=NOW), "that is too late"),
    ("letters", Transfer(id="t2", country="US", by="framework", begins=NOW), "A framework is a claim of the policy."),
    ("letters", Transfer(id="t2", country="US", by="framework", claim="sheild", begins=NOW), "Did you mean 'shield'?"),
    ("letters", Transfer(id="t2", country="US", by="adequacy", claim="shield", begins=NOW), "Only a framework"),
    ("letters", Revoked(transfer="t2", on=NOW), "has no basis of a transfer 't2'"),
    ("letters", Revoked(transfer="t1", on=NOW), "'t1' is revoked"),
    ("letters", Engaged(subprocessor="press", on=NOW), "`troth recipient propose press --kind processor.sub`"),
    ("letters", Engaged(subprocessor="letters", on=NOW), "a sub-processor of itself"),
    ("letters", Released(subprocessor="press", on=NOW), "has no sub-processor 'press'. There is: none."),
]


@pytest.mark.parametrize(("recipient", "said", "why"), REFUSED)
def test_what_cannot_be_is_refused_with_what_would_do(filled: Register, recipient: str, said: Said, why: str) -> None:
    before = filled.facts()
    with pytest.raises(RecipientError) as refused:
        filled.add(recipient, said, by="mary")
    assert why in str(refused.value)
    assert filled.facts() == before


def test_members_of_a_kind_have_an_id_of_their_own(register: Register) -> None:
    register.add("guild", Profile(name="The Guild", kind="joint"), by="mary")
    said = contract(data=("contact.email",), purposes=("partner.programme",))
    register.add("guild", said, by="mary")
    with pytest.raises(RecipientError, match=r"`with: \[joint\]`"):
        register.add("guild", contract(id="c2"), by="mary")
    with pytest.raises(RecipientError, match="who registered"):
        register.add("guild", LETTERS, by="")


def test_a_sub_processor_may_receive_what_its_processor_may(register: Register, clock: Clock) -> None:
    register.add("letters", LETTERS, by="mary")
    register.add("press", Profile(name="Press", kind="processor.sub"), by="mary")
    with pytest.raises(RecipientError, match="What is shared with it: nothing"):
        register.add("press", contract(), by="mary")
    register.add("letters", Engaged(subprocessor="press", on=NOW), by="mary")
    register.add("press", contract(), by="mary")
    with pytest.raises(RecipientError, match="already"):
        register.add("letters", Engaged(subprocessor="press", on=NOW), by="mary")
    with pytest.raises(RecipientError, match="of itself"):
        register.add("press", Engaged(subprocessor="letters", on=NOW), by="mary")
    register.add("club", Profile(name="The Club", kind="joint"), by="mary")
    with pytest.raises(RecipientError, match="neither has nor is a sub-processor"):
        register.add("club", Engaged(subprocessor="press", on=NOW), by="mary")
    assert register.standing()["letters"].subprocessors(NOW) == ("press",)
    clock.move(days=1)
    register.add("letters", Released(subprocessor="press", on=clock.now), by="mary")
    assert register.standing()["letters"].subprocessors(clock.now) == ()
    assert register.standing()["letters"].subprocessors(NOW) == ("press",)
    register.add("letters", Engaged(subprocessor="press", on=clock.now + YEAR), by="mary")
    assert register.standing()["letters"].subprocessors(clock.now + YEAR) == ("press",)


def test_a_clock_that_was_put_back_unsays_nothing(register: Register, clock: Clock) -> None:
    register.add("letters", LETTERS, by="mary")
    register.add("letters", contract(), by="mary")
    clock.move(days=-10)
    with pytest.raises(RecipientError, match="already"):
        register.add("letters", contract(), by="mary")
