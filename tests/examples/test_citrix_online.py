"""The flagship example holds the facts that it restates, and its overview can be read by everybody."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import troth
from troth.policy.model import Claim, Collects, Never, Shares, Uses, Version

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
POLICY = troth.Policy.read(EXAMPLE)
FIRST, SECOND, THIRD = POLICY.versions


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def claim(version: Version, id: str) -> Claim:
    statement = version.statement(id)
    assert isinstance(statement, Claim)
    return statement


def stated_ids(version: Version, at: datetime) -> set[str]:
    return {statement.id for statement in version.stated_on(at)}


def gated(version: Version) -> tuple[Collects | Uses | Shares, ...]:
    return (*version.collects, *version.uses, *version.shares)


def sentences(text: object) -> list[str]:
    return [sentence for sentence in re.split(r"(?<=[.!?])\s+", str(text)) if sentence]


def overview(version: Version) -> list[str]:
    """The sentences of the overview on the day the version comes into force."""
    shown = [statement.says for statement in version.stated_on(version.effective) if statement.overview]
    return [sentence for text in (version.says, *shown) for sentence in sentences(text)]


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9][A-Za-z0-9'’.-]*", text)


def syllables(word: str) -> int:
    letters = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent = letters.endswith("e") and not letters.endswith("le") and groups > 1
    return max(groups - silent, 1)


def grade(texts: list[str]) -> float:
    """Flesch–Kincaid grade level."""
    all_words = [word for text in texts for word in words(text)]
    return 0.39 * len(all_words) / len(texts) + 11.8 * sum(map(syllables, all_words)) / len(all_words) - 15.59


each_version = pytest.mark.parametrize("version", POLICY.versions, ids=lambda version: version.id)


# --- the three versions ----------------------------------------------------------------------------------------------


def test_there_are_three_versions_of_one_policy():
    assert POLICY.id == "citrix-online"
    assert [version.id for version in POLICY.versions] == ["2010-04-26", "2015-12-31", "2017-02-01"]


def test_the_second_version_covers_seven_names_and_the_third_three_fewer():
    names = {covered.name for covered in SECOND.covers}
    assert names == {
        "GoToMeeting", "GoToWebinar", "GoToTraining", "GoToMyPC", "GoToAssist", "VideoConferencing", "Workshifting",
    }  # fmt: skip
    assert len(names - {covered.name for covered in THIRD.covers}) == 3
    blog = SECOND.covered("workshifting")
    assert blog is not None
    assert not blog.product


def test_the_publisher_changes_with_the_owner():
    assert SECOND.publisher.name == "Citrix Systems, Inc."
    assert SECOND.publisher.signed_by is not None
    assert SECOND.publisher.signed_by.startswith("Chris Hylen")
    assert THIRD.publisher.name != SECOND.publisher.name


def test_no_version_loses_the_contact_address():
    for version in POLICY.versions:
        assert version.publisher.email
        assert version.publisher.address
        assert version.statement("contact").email == version.publisher.email


# --- claims ----------------------------------------------------------------------------------------------------------


def test_safe_harbor_is_current_in_the_first_version_and_ends_on_the_day_of_the_judgment():
    for id in ("safe-harbor-eu", "safe-harbor-swiss"):
        assert claim(FIRST, id).current(day("2011-01-01"))
        assert claim(FIRST, id).current(day("2015-10-05"))
        assert not claim(FIRST, id).current(day("2015-10-06"))
    assert claim(FIRST, "safe-harbor-eu").since == day("2002-11-07")


def test_safe_harbor_is_no_part_of_the_second_notice():
    for id in ("safe-harbor-eu", "safe-harbor-swiss"):
        assert not claim(SECOND, id).current(SECOND.effective)
    assert not {"safe-harbor-eu", "safe-harbor-swiss"} & stated_ids(SECOND, SECOND.effective)
    assert not any("Safe Harbor" in sentence for sentence in overview(SECOND))


def test_the_third_version_does_not_claim_safe_harbor():
    assert not any(claim.framework == "safe-harbor" for claim in THIRD.claims)


@each_version
def test_the_seal_of_truste_is_current_and_gives_recourse(version: Version):
    truste = claim(version, "truste")
    assert truste.current(version.effective)
    assert truste.seal
    assert truste.recourse
    assert truste.scope is not None


def test_complaints_lead_to_truste_from_the_second_version_on():
    assert not any(answer.id == "complaints" for answer in FIRST.answers)
    for version in (SECOND, THIRD):
        answers = {answer.id: answer for answer in version.answers}
        assert answers["complaints"].then == "truste"
        assert answers["recourse"].free


# --- what is promised ------------------------------------------------------------------------------------------------


@each_version
def test_data_is_never_sold_traded_or_rented(version: Version):
    sale = version.statement("sale")
    assert isinstance(sale, Never)
    assert set(sale.actions) == {"sell", "trade", "rent"}
    assert (sale.data, sale.purposes, sale.recipients) == ((), (), ())


@each_version
def test_news_by_email_can_be_refused(version: Version):
    allowing = [
        statement
        for statement in (*version.collects, *version.uses)
        if "contact.email" in statement.data and any(purpose.startswith("marketing") for purpose in statement.purposes)
    ]
    assert allowing
    for statement in allowing:
        assert any(choice.split(".")[0] == "marketing" for choice in statement.unless)
        assert {"offer-opt-out", "postal-address", "one-click"} <= set(statement.must)


@each_version
def test_service_mail_cannot_be_refused(version: Version):
    mail = version.statement("service-mail")
    assert isinstance(mail, Uses)
    assert (mail.unless, mail.only_if, mail.given) == ((), (), ())


def attendee_marketing(version: Version) -> list[Collects | Uses | Shares]:
    return [
        statement
        for statement in gated(version)
        if "contact.attendee" in statement.data
        and any(purpose.startswith(("marketing", "advertising")) for purpose in statement.purposes)
    ]


def test_attendees_are_never_marketed_to_before_the_third_version():
    for version in (FIRST, SECOND):
        never = version.statement("attendee-marketing")
        assert isinstance(never, Never)
        assert never.data == ("contact.attendee",)
        assert set(never.purposes) >= {"marketing", "advertising"}
        assert not attendee_marketing(version)


def test_attendees_are_marketed_to_only_with_consent_in_the_third_version():
    allowing = attendee_marketing(THIRD)
    assert allowing
    assert all(statement.only_if == ("attendee-news",) for statement in allowing)
    choices = {choice.id: choice for choice in THIRD.choices}
    assert choices["attendee-news"].model == "opt-in"


def test_access_is_answered_in_thirty_days_and_later_in_a_reasonable_time():
    for version, within in ((FIRST, "30 days"), (THIRD, "None")):
        access = next(right for right in version.rights if right.id == "access")
        assert str(access.within) == within


def test_retention_is_stated_in_the_third_version_only():
    assert not any(collects.keeps for version in (FIRST, SECOND) for collects in version.collects)
    assert all(collects.keeps for collects in THIRD.collects)


def test_the_third_version_collects_more_of_a_session():
    new = {"usage.webcam", "usage.audio", "usage.attention", "content.poll", "content.recording"}
    assert new <= {term for collects in THIRD.collects for term in collects.data}
    assert not new & {term for collects in SECOND.collects for term in collects.data}


def test_analytics_of_the_third_version_masks_addresses_and_hears_the_browser():
    analytics = [statement for statement in gated(THIRD) if "improve.analytics" in statement.purposes]
    assert all("mask-ip" in statement.must and "analytics" in statement.unless for statement in analytics)
    signals = {choice.id: choice.signals for choice in THIRD.choices}
    assert "gpc" in signals["analytics"]
    assert "gpc" in signals["advertising"]


def test_the_third_version_states_the_basis_of_everything():
    for statement in gated(THIRD):
        assert statement.basis, statement.id
        assert bool(statement.interest) == (statement.basis == "legitimate-interest"), statement.id
        assert statement.basis != "consent" or statement.only_if, statement.id


# --- what the machine makes of it -------------------------------------------------------------------------------------

POINT = troth.DecisionPoint(POLICY)


@each_version
def test_who_opted_out_gets_no_news_and_reads_why(version: Version):
    product = version.covers[0].id
    question = {"action": "use", "data": "contact.email", "purpose": "marketing.own", "product": product}
    refused = POINT.decide(**question, choices={"marketing": "out"}, at=version.effective)
    assert (refused.allowed, refused.reason, refused.statements) == (False, "opted-out", ("news",))
    assert refused.sentence == str(version.statement("news").says)
    allowed = POINT.decide(**question, at=version.effective)
    assert allowed.allowed
    assert "offer-opt-out" in allowed.duties


@each_version
def test_nobody_buys(version: Version):
    for action in ("sell", "trade", "rent"):
        sold = POINT.decide(action=action, data="contact.email", recipient="third_party", at=version.effective)
        assert (sold.allowed, sold.reason, sold.statements) == (False, "never", ("sale",))


def test_an_attendee_of_the_second_version_is_asked_again():
    question = {"action": "use", "data": "contact.attendee", "purpose": "marketing.own", "at": THIRD.effective}
    assert POINT.decide(**question).reason == "not-opted-in"
    agreed = {**question, "choices": {"attendee-news": "in"}}
    assert POINT.decide(**agreed).allowed
    assert POINT.decide(**agreed, collected_under=SECOND.id).reason == "collected-under"
    assert POINT.decide(**agreed, collected_under=SECOND.id, accepted=THIRD.id).allowed


def test_a_transfer_that_rests_on_safe_harbor_ends_with_it():
    question = {"action": "share", "data": "contact.email", "purpose": "service.provide", "recipient": "self"}
    assert POINT.decide(**question, at=day("2015-10-05")).allowed
    assert POINT.decide(**question, at=day("2015-10-06")).reason == "condition-not-met"
    assert POINT.decide(**question, at=SECOND.effective).reason == "not-stated"


def test_who_refused_optional_data_is_only_served():
    out = {"optional-data": "out", "attendee-news": "in"}
    for version in POLICY.versions:
        for statement in gated(version):
            if "optional-data" in statement.unless:
                continue
            roots = {purpose.split(".")[0] for purpose in statement.purposes}
            # What people give of their own accord is used as they meant it.
            assert roots <= {"service", "security", "legal"} or statement.id == "feedback", statement.id
    assert not POINT.decide(
        action="use", data="contact.attendee", purpose="marketing.own", choices=out, at=THIRD.effective
    ).allowed


# --- consistent with itself ------------------------------------------------------------------------------------------


@each_version
def test_everything_declared_is_used(version: Version):
    received = {recipient for shares in version.shares for recipient in shares.recipients}
    assert {recipient.id for recipient in version.recipients} <= received
    gates = {choice for statement in gated(version) for choice in (*statement.unless, *statement.only_if)}
    assert {choice.id for choice in version.choices} == gates
    used = {
        "data": {term for statement in gated(version) for term in statement.data},
        "purpose": {term for statement in gated(version) for term in statement.purposes},
        "recipient": received,
    }
    for kind, terms in used.items():
        assert {term.id for term in getattr(version.own_terms, kind)} <= terms


@each_version
def test_only_data_that_is_collected_is_used_or_shared(version: Version):
    collected = {term for collects in version.collects for term in collects.data}
    for statement in (*version.uses, *version.shares):
        for term in statement.data:
            assert any(version.vocabulary.overlaps("data", term, other) for other in collected), (statement.id, term)


@each_version
def test_no_prohibition_contradicts_a_permission(version: Version):
    def meet(kind: str, some: tuple[str, ...], others: tuple[str, ...]) -> bool:
        overlaps = version.vocabulary.overlaps
        return not some or not others or any(overlaps(kind, one, other) for one in some for other in others)

    acts = {Collects: {"collect", "use"}, Uses: {"use"}, Shares: {"share"}}
    for never in version.never:
        for statement in gated(version):
            contradicts = (
                acts[type(statement)] & set(never.actions)
                and meet("data", never.data, statement.data)
                and meet("purpose", never.purposes, statement.purposes)
            )
            assert not contradicts, (never.id, statement.id)


@each_version
def test_processors_are_bound_by_contract_and_trackers_can_be_refused(version: Version):
    for shares in version.shares:
        kinds = {version.recipient_path(recipient)[0] for recipient in shares.recipients}
        if "processor" in kinds:
            assert "contract" in shares.given, shares.id
        if "third_party" in kinds and "acquisition" not in shares.given:
            assert shares.unless, shares.id


# --- plain speech ----------------------------------------------------------------------------------------------------


@each_version
def test_the_overview_is_short_and_plain(version: Version):
    shown = overview(version)
    counts = [len(words(sentence)) for sentence in shown]
    assert sum(counts) <= 350
    assert max(counts) <= 25
    assert sum(counts) / len(counts) <= 18
    assert grade(shown) <= 8


@each_version
def test_every_part_of_the_overview_has_a_sentence(version: Version):
    verbs = {version.verb(s.id) for s in version.stated_on(version.effective) if s.overview}
    for part in (
        ("collects",),
        ("uses", "protects"),
        ("shares", "never"),
        ("choices", "rights"),
        ("answers", "claims"),
    ):
        assert verbs & set(part), part
    assert version.says


@each_version
def test_no_sentence_hedges_or_runs_on(version: Version):
    texts = [text for statement in version.statements for text in (statement.says, statement.details) if text]
    for text in texts:
        assert not re.search(r"\b(may|such as)\b", str(text), re.IGNORECASE), str(text)
        assert max(len(words(sentence)) for sentence in sentences(text)) <= 25, str(text)
