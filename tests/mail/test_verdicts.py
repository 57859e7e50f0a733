"""Who gets mail: random streams, choices and suppressions against a plain model; and what a verdict carries."""

import random
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mailing import ANN, BOB, EVE, FLAGSHIP, SITE, Mails, mail, mails

from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.deciding.verdict import MAIL_REASONS
from troth.gates.mail.streams import EMBEDDED, KEYS, Stream, StreamError, read_streams
from troth.gates.mail.suppression import New, Suppression, check_scope, scope_of_stream
from troth.gates.mail.taking.credentials import CredentialError, Credentials
from troth.people.passes import Passes
from troth.people.suppressions import mail_choices
from troth.store import StoreUnavailableError

VERSION = FLAGSHIP.versions[-1]


@pytest.fixture
def here(tmp_path: Path, url: str) -> Iterator[Mails]:
    with mails(tmp_path, url) as here:
        yield here


# --- the plain model: §4 of the design, and what the reference page says of suppression -------------------------------

GATES = {"newsletter": ("marketing", "optional-data"), "invitations": ("marketing.events", "optional-data")}
CHOICES = ("marketing", "marketing.events", "marketing.partners", "optional-data", "analytics", "attendee-news")


def counts(said: dict[str, str], choice: str) -> str | None:
    """A choice without a state takes that of its nearest ancestor."""
    while choice:
        if choice in said:
            return said[choice]
        choice = choice.rpartition(".")[0]
    return None


class Plain:
    """One address and what is known of it, in the simplest words."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.yes_at: dict[str, int] = {}
        self.list: dict[str, int] = {}  # scope → since

    def states(self) -> dict[str, str]:
        states = dict(self.said)
        for scope, since in self.list.items():
            if scope.startswith("choice:"):
                choice = scope.removeprefix("choice:")
                for name in list(states):
                    if (name + ".").startswith(choice + ".") and states[name] == "in":
                        states[name] = "in" if self.yes_at.get(name, -1) > since else "out"
                states.setdefault(choice, "out")
        return states

    def may(self, stream: str) -> bool:
        if "*" in self.list:
            return False
        purpose = {"newsletter": "marketing.own", "invitations": "marketing.events", "account": "service.notice"}[
            stream
        ]
        if any(f"purpose:{one}" in self.list for one in (purpose, purpose.partition(".")[0])):
            return False
        return all(counts(self.states(), gate) != "out" for gate in GATES.get(stream, ()))


SCOPES = ("*", "purpose:marketing", "purpose:marketing.own", "purpose:service", *(f"choice:{name}" for name in CHOICES))
WHO = st.sampled_from([ANN, BOB])
STEP = st.one_of(
    st.tuples(st.just("choose"), WHO, st.sampled_from(CHOICES), st.sampled_from(["in", "out", "unset"])),
    st.tuples(st.just("staff"), WHO, st.sampled_from(CHOICES), st.sampled_from(["in", "out"])),
    st.tuples(st.just("suppress"), WHO, st.sampled_from(SCOPES), st.just("")),
    st.tuples(st.just("lift"), WHO, st.sampled_from(SCOPES), st.just("")),
    st.tuples(st.just("erase"), WHO, st.just(""), st.just("")),
    st.tuples(st.just("reimport"), st.just(""), st.just(""), st.just("")),
)  # fmt: skip


def life(seed: int) -> list[tuple[str, str, str, str]]:
    """Twelve steps, each as likely as the others, which shrinking is not good at."""
    chance = random.Random(seed)
    steps = []
    for _ in range(12):
        what = chance.choice(["choose", "choose", "staff", "suppress", "suppress", "lift", "erase", "reimport"])
        names = {"choose": CHOICES, "staff": CHOICES, "suppress": SCOPES, "lift": SCOPES}.get(what, ("",))
        who = "" if what == "reimport" else chance.choice([ANN, BOB])
        steps.append((what, who, chance.choice(names), chance.choice(["in", "out"])))
    return steps


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Mails]:
    with mails(tmp_path_factory.mktemp("verdicts")) as here:
        yield here


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.integers(0, 2**32).map(life) | st.lists(STEP, max_size=12))
def test_random_lives_against_the_plain_model(shared: Mails, steps) -> None:
    here = shared
    run = here.people.store.clock().timestamp()  # names nobody had before
    names = {ANN: f"ann.{run}@example.org", BOB: f"bob.{run}@example.org"}
    plain = {ANN: Plain(), BOB: Plain()}
    for tick, (what, who, name, state) in enumerate(steps):
        here.clock.move(seconds=1)
        one = plain.get(who)
        address = names.get(who, "")
        if what in ("choose", "staff"):
            if what == "choose":
                here.people.choose(mail(address), {name: state}, how="page")
            else:
                here.people.choose(mail(address), {name: state}, how="staff", staff="mary")
            one.yes_at.pop(name, None)
            if state == "unset":
                one.said.pop(name, None)
            else:
                one.said[name] = state
                if state == "in" and what == "choose":
                    one.yes_at[name] = tick
        elif what == "suppress":
            here.suppression.suppress([New(address, name, "opt-out")], source="staff")
            one.list[name] = tick
        elif what == "lift":
            here.suppression.lift(address, name, by="mary", why="test")
            one.list.pop(name, None)
        elif what == "erase" and here.people.find(mail(address)) is not None:
            here.vault.erase([mail(address)], staff="mary")
            for choice, said in one.said.items():
                if said == "out" and choice in mail_choices(FLAGSHIP):
                    one.list[f"choice:{choice}"] = tick
            one.said.clear()
            one.yes_at.clear()
        elif what == "reimport":
            rows = list(here.suppression.export())
            assert here.suppression.suppress([New(row.address, row.scope, row.reason, row.since) for row in rows], source="troth") == 0  # fmt: skip  # noqa: E501
    here.clock.move(seconds=1)
    for who, one in plain.items():
        for stream in here.streams:
            reason = here.reason(stream, names[who])
            assert (reason is None) == one.may(stream), (who, stream, reason, one.said, one.list)
    here.clock.move(seconds=1)


def test_the_choices_of_mail_are_those_that_gate_it() -> None:
    assert mail_choices(FLAGSHIP) >= {"marketing", "marketing.events", "optional-data", "attendee-news"}
    assert not mail_choices(FLAGSHIP) & {"analytics", "advertising", "settings"}


# --- what a verdict carries -------------------------------------------------------------------------------------------


def test_marketing_says_how_to_opt_out_and_service_mail_is_left_alone(here: Mails) -> None:
    (one,) = here.mailing.verdicts(here.newsletter, [ANN])
    assert (one.outcome, one.reason, one.statement, one.version) == ("send", "stated", "news", "2017-02-01")
    headers = dict(one.headers)
    assert list(headers) == ["List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID"]
    found = re.fullmatch(r"<(https://[^>]+)>, <mailto:(u-[a-z2-7]{61})@news\.gototraining\.example\?subject=unsubscribe>", headers["List-Unsubscribe"])  # fmt: skip  # noqa: E501
    assert found is not None
    entry = Passes(here.people.key).read(found[1].rpartition("/")[2], "unsubscribe", here.clock())
    assert (entry.person, entry.choice, entry.product) == (here.people.find(mail(ANN)), "marketing", "gototraining")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert one.footer is not None
    assert one.footer.sentence == "We e-mail you news of our products and promotions, unless you opt out."
    assert one.footer.unsubscribe_url == found[1]
    assert one.footer.preferences_url.startswith(f"{SITE}/choices/")
    assert one.footer.postal_address == "LogMeIn, Inc., 320 Summer Street, Boston, MA 02210, USA"
    (again,) = here.mailing.verdicts(here.newsletter, [ANN])
    assert again == one
    (notice,) = here.mailing.verdicts(here.streams["account"], [ANN])
    assert (notice.outcome, notice.headers, notice.footer) == ("send", (), None)
    assert (notice.statement, notice.returns) == ("service-mail", "account.logmein.example")


def test_the_link_of_each_stream_refuses_what_its_statement_depends_on(here: Mails) -> None:
    (one,) = here.mailing.verdicts(here.streams["invitations"], [ANN])
    link = re.search(r"/unsubscribe/([^>]+)>", dict(one.headers)["List-Unsubscribe"])
    assert link is not None
    assert Passes(here.people.key).read(link[1], "unsubscribe", here.clock()).choice == "marketing.events"


def test_an_opt_out_counts_at_once_and_never_against_service_mail(here: Mails) -> None:
    assert here.mailing.outcomes("newsletter", [ANN, BOB]) == [None, None]
    here.people.refuse_everything(mail(ANN), how="one-click")
    assert here.mailing.outcomes("newsletter", [ANN, BOB]) == ["opted-out", None]
    assert here.mailing.outcomes("invitations", [ANN, BOB]) == ["opted-out", None]
    assert here.mailing.outcomes("account", [ANN, BOB]) == [None, None]
    (verdict,) = here.mailing.verdicts(here.newsletter, [ANN])
    assert (verdict.outcome, verdict.headers, verdict.verp) == ("suppressed", (), "")
    assert "unless you opt out" in verdict.sentence


def test_what_another_process_acknowledged_counts(here: Mails) -> None:
    from troth.people import open_people

    others = open_people(here.people.store, here.people.folder, FLAGSHIP)  # as another process has them
    assert here.reason("newsletter", ANN) is None
    others.choose(mail(ANN), {"marketing": "out"}, how="page")
    assert here.reason("newsletter", ANN) == "opted-out"


def test_whoever_marketing_goes_to_becomes_somebody_who_can_refuse(here: Mails) -> None:
    assert here.people.find(mail(ANN)) is None
    assert here.mailing.verdicts(here.streams["account"], [ANN])[0].person is None
    assert here.mailing.verdicts(here.newsletter, [ANN], make=False)[0].person is None
    (verdict,) = here.mailing.verdicts(here.newsletter, [ANN])
    assert verdict.person == here.people.find(mail(ANN)) is not None
    here.suppression.suppress([New(BOB, "choice:marketing", "opt-out")], source="staff")
    assert here.mailing.verdicts(here.newsletter, [BOB])[0].person is None  # nobody is made of who gets nothing
    assert here.people.find(mail(BOB)) is None


def test_in_the_order_asked_and_each_address_by_its_one_spelling(here: Mails) -> None:
    here.people.choose(mail(BOB), {"marketing": "out"}, how="page")
    asked = [BOB, "nonsense", ANN, BOB, " bob@EXAMPLE.org ", "Bob@example.org"]
    found = here.mailing.verdicts(here.newsletter, asked)
    assert [verdict.address for verdict in found] == asked
    reasons = [verdict.reason for verdict in found]
    assert reasons == ["opted-out", "bad-address", "stated", "opted-out", "opted-out", "stated"]
    assert found[1].sentence == MAIL_REASONS["bad-address"]


def test_in_the_language_of_the_message_or_of_the_stream(here: Mails) -> None:
    (one,) = here.mailing.verdicts(here.newsletter, [ANN], language="de-AT")
    assert one.footer is not None
    assert one.footer.language == "de-AT"
    german = msgspec.structs.replace(here.newsletter, language="de", address="Hauptplatz 1, 1010 Wien")
    (one,) = here.mailing.verdicts(german, [ANN])
    assert one.footer is not None
    assert (one.footer.language, one.footer.postal_address) == ("de", "Hauptplatz 1, 1010 Wien")


def test_a_reply_address_of_its_own_where_the_stream_wants_one(here: Mails) -> None:
    answered = msgspec.structs.replace(here.newsletter, replies=True)
    (one,) = here.mailing.verdicts(answered, [ANN])
    found = re.fullmatch(r"<(r-[a-z2-7]{61}@news\.gototraining\.example)>", dict(one.headers)["Reply-To"])
    assert found is not None
    took = here.returns.take(b"Subject: Re: News\r\n\r\nunsubscribe\r\n", found[1], source="lmtp")
    assert took.did == "opted-out"


@pytest.mark.parametrize("site", [None, "", "http://privacy.example.org", "ftp://x", "//x"])
def test_without_a_page_over_https_no_marketing_leaves(here: Mails, site: str | None) -> None:
    mailing = Mailing(here.people, here.mailing.point, here.streams, site)
    (one,) = mailing.verdicts(here.newsletter, [ANN])
    assert (one.outcome, one.reason) == ("refused", "no-opt-out")
    assert here.people.find(mail(ANN)) is None  # nobody is made for nothing
    assert mailing.verdicts(here.streams["account"], [ANN])[0].allowed


@pytest.mark.parametrize(
    "site", ["http://127.0.0.1:8768", "http://localhost", "http://a.localhost:1", "http://[::1]:2"]
)
def test_on_this_machine_it_may_be_tried_out_without_tls(here: Mails, site: str) -> None:
    (one,) = Mailing(here.people, here.mailing.point, here.streams, site).verdicts(here.newsletter, [ANN])
    assert dict(one.headers)["List-Unsubscribe"].startswith(f"<{site}/unsubscribe/")


def test_what_the_policy_does_not_say_goes_to_nobody(here: Mails) -> None:
    for stream in (
        Stream(id="x", purpose="marketing.own", data="contact.phone", domains=("x.example",), returns="x.example"),
        Stream(id="x", purpose="marketing", domains=("x.example",), returns="x.example"),
        Stream(id="x", purpose="improve.research", domains=("x.example",), returns="x.example"),
    ):
        (one,) = here.mailing.verdicts(stream, [ANN])
        assert (one.outcome, one.reason) == ("refused", "not-stated"), stream
    (one,) = here.mailing.verdicts(Stream(id="x", purpose="service.notice", domains=("x.example",), returns="x.example"), [ANN], FLAGSHIP.versions[0].effective - timedelta(days=1))  # fmt: skip  # noqa: E501
    assert (one.outcome, one.reason) == ("refused", "no-policy-in-force")


def test_what_was_collected_under_another_version_must_be_allowed_by_it(here: Mails) -> None:
    gate = Collecting(here.vault, DecisionPoint(FLAGSHIP))
    when = here.clock.now
    here.clock.now = FLAGSHIP.versions[0].effective + timedelta(days=1)
    first = FLAGSHIP.versions[0]
    password = "$2b$12$" + "x" * 53
    fields = {"identity.name": "Ann", "contact.email": ANN, "account.id": "a1", "account.password": password}
    gate.collect(Submission(statement="registration", fields=fields))
    here.clock.now = when
    asked = here.mailing.point.decide(
        action="use", data="contact.email", purpose="marketing.own", product="gototraining", at=when,
        collected_under=first.id,
    )  # fmt: skip
    assert here.reason("newsletter", ANN) == (None if asked.allowed else asked.reason)
    assert here.reason("newsletter", BOB) is None


def test_with_the_store_away_nothing_is_decided(here: Mails, monkeypatch) -> None:
    def away():
        raise StoreUnavailableError("away")

    monkeypatch.setattr(here.people.store, "read", away)
    monkeypatch.setattr(here.people.store, "glance", away)
    with pytest.raises(StoreUnavailableError):
        here.mailing.verdicts(here.newsletter, [ANN])
    with pytest.raises(StoreUnavailableError):
        here.mailing.outcomes("account", [ANN])


# --- suppression outlives ---------------------------------------------------------------------------------------------


def test_an_opt_out_outlives_the_person_and_only_where_there_was_one(here: Mails) -> None:
    here.people.choose(mail(ANN), {"marketing.events": "out", "analytics": "out"}, how="page")
    here.people.link(mail(ANN), mail("ann@home.example"))
    here.people.know(mail(BOB))
    here.vault.erase([mail(ANN), mail(BOB)], staff="mary")
    assert here.suppression.counts() == [("choice:marketing.events", "opt-out", 2)]
    for address in (ANN, "ann@home.example"):
        assert here.people.find(mail(address)) is None
        assert (here.reason("newsletter", address), here.reason("invitations", address)) == (None, "opted-out")
    assert here.reason("invitations", BOB) is None


def test_who_comes_back_must_say_yes_themselves(here: Mails) -> None:
    here.people.choose(mail(ANN), {"marketing": "out"}, how="page")
    here.vault.erase([mail(ANN)], staff="mary")
    here.clock.move(days=1)
    here.people.choose(mail(ANN), {"marketing": "in"}, how="staff", staff="mary")
    assert here.reason("newsletter", ANN) == "opted-out"  # staff cannot say it for them
    here.people.choose(mail(ANN), {"marketing": "unset"}, how="page")
    assert here.reason("newsletter", ANN) == "opted-out"
    here.people.choose(mail(ANN), {"marketing.events": "in"}, how="page")
    assert (here.reason("newsletter", ANN), here.reason("invitations", ANN)) == ("opted-out", None)
    here.people.choose(mail(ANN), {"marketing": "in"}, how="page")
    assert here.reason("newsletter", ANN) is None
    here.people.choose(mail(ANN), {"marketing": "out"}, how="one-click")
    assert here.reason("newsletter", ANN) == "opted-out"


def test_a_yes_to_something_below_counts_only_if_it_came_later(here: Mails) -> None:
    here.people.choose(mail(ANN), {"marketing.events": "in"}, how="page")
    here.clock.move(seconds=1)
    here.suppression.suppress([New(ANN, "choice:marketing", "opt-out")], source="staff")
    assert (here.reason("newsletter", ANN), here.reason("invitations", ANN)) == ("opted-out", "opted-out")
    here.clock.move(seconds=1)
    here.people.choose(mail(ANN), {"marketing.events": "in"}, how="page")
    assert (here.reason("newsletter", ANN), here.reason("invitations", ANN)) == ("opted-out", None)


def test_an_address_linked_to_somebody_who_agreed_before_stays_suppressed(here: Mails) -> None:
    here.people.choose(mail(BOB), {"marketing": "in"}, how="page")
    here.people.choose(mail(ANN), {"marketing": "out"}, how="page")
    here.clock.move(days=1)
    here.vault.erase([mail(ANN)], staff="mary")
    here.people.link(mail(BOB), mail(ANN))
    assert (here.reason("newsletter", ANN), here.reason("newsletter", BOB)) == ("opted-out", None)


def test_staff_put_on_and_take_off_and_the_record_says_it(here: Mails) -> None:
    assert here.suppression.suppress([New(ANN, "purpose:marketing", "opt-out")] * 2, source="staff", by="mary") == 1
    assert here.suppression.suppress([New(ANN, "purpose:marketing", "opt-out")], source="staff", by="mary") == 0
    assert (here.reason("newsletter", ANN), here.reason("account", ANN)) == ("suppressed", None)
    assert here.suppression.lift(ANN, "choice:marketing", by="mary", why="x") == []
    assert here.suppression.lift(ANN, by="mary", why="x") == ["purpose:marketing"]
    assert here.reason("newsletter", ANN) is None
    with pytest.raises(Exception, match="name@domain"):
        here.suppression.suppress([New(BOB, "*", "import"), New("nonsense", "*", "import")], source="x")
    assert here.suppression.of(BOB) == []


def test_the_address_is_nowhere_in_the_rows(here: Mails) -> None:
    here.suppression.suppress([New(ANN, "*", "bounce")], source="staff")
    (row,) = here.suppression.export()
    blind = here.people.key.blind(mail(ANN))
    assert len(row.address) == 32
    assert row.address not in (blind, blind[:16])
    assert ANN not in repr(New(ANN, "*", "bounce"))


# --- streams and credentials ------------------------------------------------------------------------------------------


def test_marketing_is_told_by_the_purpose_and_its_statement() -> None:
    streams = read_streams(None, FLAGSHIP)
    assert list(streams) == list(EMBEDDED)
    assert [streams[name].is_marketing(VERSION) for name in streams] == [True, True, False]
    assert Stream(id="x").is_marketing(VERSION)
    assert Stream(id="x", purpose="no.such.purpose").is_marketing(VERSION)  # unknown is marketing
    assert Stream(id="x", purpose="service.notice").is_marketing(None)
    assert not Stream(id="x", purpose="service.account").is_marketing(VERSION)


def test_a_duty_to_offer_an_opt_out_makes_it_marketing() -> None:
    purpose = "service.reply"
    statement = next(one for one in VERSION.uses if one.id == "service-mail")
    marked = msgspec.structs.replace(statement, must=("offer-opt-out",), purposes=(purpose,))
    version = msgspec.structs.replace(VERSION, statements=(*VERSION.statements, marked))
    assert not Stream(id="x", purpose=purpose).is_marketing(VERSION)
    assert Stream(id="x", purpose=purpose).is_marketing(version)


@pytest.mark.parametrize(("table", "says"), [
    ({"purpose": "marketing.onw"}, "Did you mean 'marketing.own'"),
    ({"purpose": "marketing.own", "product": "gototrainin"}, "Did you mean 'gototraining'"),
    ({"purpos": "marketing.own"}, "Did you mean 'purpose'"),
    ({"choice": "marketin"}, "Did you mean 'marketing'"),
    ({"data": "contact.emial"}, "Did you mean 'contact.email'"),
    ({"from": "no domain"}, "is no domain"),
    ({"from": []}, "several in brackets"),
    ({"from": 7}, "several in brackets"),
    ({"strict": "yes"}, "true or false"),
    ({"language": "no language"}, "is a language"),
    ({"purpose": 7}, "text in quotes"),
    ({"returns": "x@y.example"}, "is no domain"),
    ("nonsense", "this is a table"),
])  # fmt: skip
def test_a_stream_that_is_wrong_is_refused_with_its_place(table: object, says: str) -> None:
    with pytest.raises(StreamError, match=re.escape("[streams.news]")) as refused:
        read_streams({"news": table}, FLAGSHIP)
    assert says in str(refused.value)


def test_a_stream_as_it_is_configured() -> None:
    table = {
        "purpose": "marketing.own", "from": ["News.Example.org", "b.example."], "strict": True, "choice": "marketing",
        "address": "1 Street", "language": "de", "returns": "back.example.org", "product": "gotomeeting",
        "data": "contact.email", "replies": True, "bounces": "desk@example.org",
    }  # fmt: skip
    assert set(table) == set(KEYS)
    (stream,) = read_streams({"news": table}, FLAGSHIP).values()
    assert stream == Stream(
        id="news", purpose="marketing.own", domains=("news.example.org", "b.example"), strict=True, choice="marketing",
        address="1 Street", language="de", returns="back.example.org", product="gotomeeting", replies=True,
        bounces="desk@example.org",
    )  # fmt: skip
    assert read_streams({"x": {}}, FLAGSHIP)["x"].domains == ("logmein.example",)
    with pytest.raises(StreamError, match="small letters"):
        read_streams({"No Name": {}}, FLAGSHIP)
    with pytest.raises(StreamError, match="Did you mean 'newsletter'"):
        read_streams(None, FLAGSHIP).find("newsleter")


def test_scopes() -> None:
    streams = read_streams(None, FLAGSHIP)
    assert scope_of_stream(streams["newsletter"], VERSION) == "choice:marketing"
    assert scope_of_stream(streams["invitations"], VERSION) == "choice:marketing.events"
    assert scope_of_stream(streams["account"], VERSION) == "purpose:service.notice"
    assert check_scope("*", FLAGSHIP) == "*"
    for wrong in ("marketing", "choice:marketin", "purpose:marketin.own", ""):
        with pytest.raises(StreamError):
            check_scope(wrong, FLAGSHIP)


def test_credentials(here: Mails) -> None:
    credentials = Credentials(here.people.store)
    one, secret = credentials.create(here.newsletter, by="mary")
    assert secret.startswith(f"troth_mail_{one.id}_")
    assert credentials.find("newsletter", secret) == credentials.find(one.id, secret) == one
    for user, password in (
        ("account", secret), ("newsletter", secret[:-1] + ("A" if secret[-1] != "A" else "B")), ("newsletter", ""),
        ("newsletter", secret + "A"), ("", secret), ("newsletter", "troth_mail_000000000000_" + "A" * 43),
        ("newsletter", secret.upper()), ("newsletter", "\udcff"),
    ):  # fmt: skip
        assert credentials.find(user, password) is None, (user, password)
    with here.people.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM mail_credentials").all()
    assert secret.rpartition("_")[2] not in str(rows)
    assert credentials.revoke(one.id).revoked_at is not None
    assert credentials.find("newsletter", secret) is None
    for id in (one.id, "000000000000", "nonsense"):
        with pytest.raises(CredentialError):
            credentials.revoke(id)
    assert [row.stream for row in credentials.list()] == ["newsletter"]


def test_a_list_of_many_is_read_at_once(here: Mails) -> None:
    """Ten thousand recipients, of whom half are suppressed, in a handful of statements."""
    addresses = [f"n{number}@example.org" for number in range(2_000)]
    Suppression(here.people).suppress([New(one, "choice:marketing", "import") for one in addresses[::2]], source="x")
    found = here.mailing.outcomes("newsletter", addresses)
    assert found == ["opted-out", None] * 1_000
    assert here.mailing.outcomes("newsletter", [EVE]) == [None]
    with pytest.raises(ValueError, match="at most 10000"):
        here.mailing.outcomes("newsletter", ["x@y.z"] * 10_001)
