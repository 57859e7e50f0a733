"""Service keys: their secrets, what each is for, how they are rotated and revoked, and what the record says of it."""

import hashlib
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from troth.cli.settings import flagship
from troth.gates.scope import ALL, DIMENSIONS, Scope, ScopeError, check_scope
from troth.gates.services import ServiceKeyError, ServiceKeys
from troth.policy.history import Policy
from troth.policy.vocabulary import Term, built_in
from troth.record.kinds import read_entry
from troth.store import open_store
from troth.store.schema import service_keys

NEWS = Scope(("use",), ("marketing.own",), ("contact",), ("gototraining",))
QUESTION = {"action": "use", "data": "contact.email", "purpose": "marketing.own", "product": "gototraining"}
FLAGSHIP = Policy.read(flagship())


@pytest.fixture
def keys(store):
    return ServiceKeys(store)


def entries(store):
    with store.read() as connection:
        return [read_entry(row.entry) for row in connection.execute(text('SELECT entry FROM leaves ORDER BY "index"'))]


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_secret_leads_to_its_key_and_is_kept_nowhere(keys, store, clock, tmp_path):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    assert re.fullmatch(rf"troth_{made.id}_[A-Za-z0-9_-]{{43}}", secret)
    assert keys.find(secret) == made == keys.list()[0]
    assert (made.name, made.scope, made.created_at, made.created_by) == ("newsletter", NEWS, clock.now, "mary")
    with store.read() as connection:
        row = connection.execute(text("SELECT * FROM service_keys")).one()
    assert bytes(row.digest) == hashlib.sha256(secret.encode()).digest()
    assert secret[19:] not in repr(row)
    for file in tmp_path.glob("troth.db*"):
        assert secret[19:].encode() not in file.read_bytes()


def test_what_is_no_secret_of_a_key_finds_nothing(keys):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    other, another = keys.create("billing", NEWS, by="mary")
    end = "A" if secret[-2] != "A" else "B"
    for wrong in (
        "", secret[:-1], secret + "A", secret[:-2] + end + secret[-1], secret.upper(), f" {secret}", f"{secret}\n",
        f"troth_{other.id}_{secret[-43:]}", f"troth_{made.id}_{another[-43:]}", "troth_" + "0" * 12 + secret[18:],
        "é" * 61, "\ud800",
    ):  # fmt: skip
        assert keys.find(wrong) is None, wrong


def test_two_secrets_are_never_alike(keys):
    secrets = {keys.create(f"service{number}", NEWS, by="mary")[1] for number in range(20)}
    assert len({secret[-43:] for secret in secrets}) == 20


def test_a_rotation_lets_both_secrets_count_for_a_while(keys, clock):
    made, first = keys.create("newsletter", NEWS, by="mary")
    rotated, second = keys.rotate("newsletter", timedelta(hours=2))
    assert (rotated.id, rotated.rotated_at, rotated.overlap_until) == (
        made.id,
        clock.now,
        clock.now + timedelta(hours=2),
    )
    assert keys.find(first) == keys.find(second) == rotated
    third = keys.rotate(made.id, timedelta(hours=2))[1]
    assert keys.find(first) is None  # two count, never three
    assert keys.find(second) is not None
    clock.move(hours=2, microseconds=-1)
    assert keys.find(second) is not None
    clock.move(microseconds=1)
    assert keys.find(second) is None
    assert keys.find(third) is not None
    fourth = keys.rotate("newsletter", timedelta(0))[1]
    assert keys.find(third) is None
    assert keys.find(fourth) is not None
    with pytest.raises(ServiceKeyError, match="not negative"):
        keys.rotate("newsletter", timedelta(seconds=-1))


def test_a_revocation_counts_at_once_in_every_process(keys, url, clock):
    made, first = keys.create("newsletter", NEWS, by="mary")
    second = keys.rotate("newsletter")[1]
    with open_store(url, clock=clock) as elsewhere:
        other = ServiceKeys(elsewhere)
        assert other.find(first).name == "newsletter"
        assert keys.any()
        assert other.revoke(made.id).revoked_at == clock.now
    assert keys.find(first) is None
    assert keys.find(second) is None
    assert not keys.any()
    for change in (keys.revoke, keys.rotate):
        with pytest.raises(ServiceKeyError, match="is revoked"):
            change("newsletter")
        with pytest.raises(ServiceKeyError, match="no key 'nobody'"):
            change("nobody")


def test_a_name_is_that_of_one_key_that_counts(keys):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    with pytest.raises(ServiceKeyError, match="already"):
        keys.create("newsletter", Scope((ALL,), (ALL,), (ALL,), (ALL,), (ALL,)), by="mallory")
    keys.revoke("newsletter")
    again, _ = keys.create("newsletter", NEWS, by="mary")
    assert keys.find(secret) is None
    assert keys.rotate("newsletter")[0].id == again.id != made.id
    assert [one.id for one in keys.list()] == [made.id, again.id] or made.created_at == again.created_at


@pytest.mark.parametrize("name", ["", "News", "a b", "-a", "a-", "a" * 65, "0123456789ab", "é", "a\n", "troth/x"])
def test_what_is_no_name_is_refused(keys, name):
    with pytest.raises(ServiceKeyError, match="no name for a key"):
        keys.create(name, NEWS, by="mary")
    assert not keys.any()


def test_every_change_is_an_entry_in_the_record(keys, store):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    rotated = keys.rotate("newsletter")[1]
    keys.revoke("newsletter")
    for refused in (keys.revoke, keys.rotate):
        with pytest.raises(ServiceKeyError):
            refused("newsletter")
    found = entries(store)
    assert [(entry["kind"], entry["change"]) for entry in found] == [
        ("service", "created"), ("service", "rotated"), ("service", "revoked"),
    ]  # fmt: skip
    for entry in found:
        assert (entry["key"], entry["name"]) == (made.id, "newsletter")
        assert '"purposes":["marketing.own"]' in entry["scope"]
        assert "mary" not in repr(entry)
        assert secret[-43:] not in repr(entry)
        assert rotated[-43:] not in repr(entry)


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_a_key_covers_what_lies_below_and_not_what_lies_above(keys):
    key, _ = keys.create("newsletter", NEWS, by="mary")
    words = built_in()
    assert key.scope.refusal(words, **QUESTION) is None
    assert key.scope.refusal(words, **QUESTION | {"data": "contact"}) is None
    narrow = Scope(("use",), ("marketing.own",), ("contact.email",), ("gototraining",))
    assert narrow.refusal(words, **QUESTION) is None
    assert "'contact'. It is for contact.email." in narrow.refusal(words, **QUESTION | {"data": "contact"})
    for other in (
        {"action": "share"}, {"data": "payment.card"}, {"data": "contacts"}, {"purpose": "marketing"},
        {"purpose": "marketing.partner"}, {"purpose": None}, {"product": "gotomeeting"}, {"product": None},
    ):  # fmt: skip
        assert key.scope.refusal(words, **QUESTION | other) is not None, other


def test_what_a_question_leaves_out_takes_a_key_for_everything():
    words = built_in()
    everywhere = Scope(("use",), ("marketing.own",), ("contact",), (ALL,))
    assert everywhere.refusal(words, **QUESTION | {"product": None}) is None
    assert everywhere.refusal(words, **QUESTION | {"product": "gotomeeting"}) is None
    said = NEWS.refusal(words, **QUESTION | {"product": None})
    assert said == "The question names no product, and so asks for all of them. It is for gototraining."


def test_a_scope_of_nothing_covers_nothing():
    words = built_in()
    assert Scope().refusal(words, **QUESTION) == "The key is not for the action 'use'. It is for no action at all."
    for dimension in DIMENSIONS:
        assert Scope(**{dimension: ()}).lacks(words, dimension, "x") is not None
        assert Scope(**{dimension: (ALL,)}).lacks(words, dimension, "x") is None


def test_a_key_may_be_for_one_recipient():
    words = built_in()
    cards = Scope(("share", "use"), (ALL,), (ALL,), (ALL,), recipients=("card-processor",))
    asked = QUESTION | {"action": "share", "recipient": "card-processor"}
    assert cards.refusal(words, **asked) is None
    for other in ("mail-firm", "processor", "card-processor.x", None):  # a kind is another name, too
        said = cards.refusal(words, **asked | {"recipient": other})
        assert said.endswith("It is for card-processor.")
    assert cards.refusal(words, **QUESTION) is None, "to use data nobody receives it"


def test_a_key_from_before_there_was_that_limit_is_for_every_recipient(keys):
    key, secret = keys.create("shop", Scope(("share",), (ALL,), (ALL,), (ALL,)), by="mary")
    before = service_keys.update().values(scope='{"actions":["share"],"purposes":["*"],"data":["*"],"products":["*"]}')
    keys.store.write(lambda unit: unit.change(before, {}))
    found = keys.find(secret)
    assert found.scope == key.scope
    asked = QUESTION | {"action": "share", "recipient": "card-processor"}
    assert found.scope.refusal(built_in(), **asked) is None


def test_a_policys_own_terms_count_where_the_policy_hangs_them():
    own = Term("data", "shoe-size", "Shoe size", ("identity", "shoe-size"), own=True)
    words = built_in().extended([own])
    scope = Scope(("use",), (ALL,), ("identity",), (ALL,))
    assert scope.refusal(words, **QUESTION | {"data": "shoe-size"}) is None
    assert scope.refusal(built_in(), **QUESTION | {"data": "shoe-size"}) is not None


terms = st.sampled_from(built_in().slugs("data"))
purposes = st.sampled_from(built_in().slugs("purpose"))


@given(held=st.lists(terms, max_size=3), for_=st.lists(purposes, max_size=3), data=terms, purpose=purposes)
def test_coverage_is_that_of_the_vocabulary(held, for_, data, purpose):
    words = built_in()
    scope = Scope(("use",), tuple(for_), tuple(held), ("shop",))
    wanted = any(words.covers("data", one, data) for one in held) and any(
        words.covers("purpose", one, purpose) for one in for_
    )
    found = scope.refusal(words, action="use", data=data, purpose=purpose, product="shop")
    assert (found is None) is wanted


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        (Scope(actions=("uses",)), "'uses' is not an action of the policy. Did you mean 'use'?"),
        (Scope(purposes=("marketing.owne",)), "is not a purpose of the policy. Did you mean 'marketing.own'?"),
        (Scope(data=("email",)), "'email' is not a data term of the policy. Did you mean 'contact.email'?"),
        (Scope(products=("gototrainin",)), "is not a covered site or product of the policy. Did you mean"),
        (Scope(statements=("registratio",)), "is not a statement that collects of the policy. Did you mean"),
        (Scope(data=("contact", "xyzzy")), "'xyzzy' is not a data term of the policy."),
        (Scope(recipients=("card-procesor",)), "nor one that is registered. Did you mean 'card-processor'?"),
        (Scope(recipients=("processor",)), "'processor' is not a recipient of the policy, nor one that is registered."),
    ],
)
def test_a_scope_that_is_misspelt_is_told_the_nearest(scope, says):
    with pytest.raises(ScopeError, match=re.escape(says)):
        check_scope(scope, FLAGSHIP)


def test_a_scope_in_the_words_of_the_policy_passes():
    check_scope(NEWS, FLAGSHIP)
    check_scope(Scope((ALL,), (ALL,), (ALL,), (ALL,), (ALL,)), FLAGSHIP)
    check_scope(Scope(recipients=("card-processor", "court")), FLAGSHIP, ["court"])
