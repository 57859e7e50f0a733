"""A server that runs on: versions that come into force, agreements that lapse, signatures that follow."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from choosing import ANN, Clock, choosing
from running import EXAMPLE

import troth
from troth.gates.collect import Submission
from troth.gates.tally import counts_by_statement
from troth.people import open_people
from troth.people.passes import Passes
from troth.policy.reading import parse_version, read_version
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app
from troth.web.choices.mail import FolderPost
from troth.web.live import LiveApp

QUESTION = {
    "subject": {"type": "service", "id": "mailer"},
    "action": {"name": "use", "properties": {"purpose": "marketing.own"}},
    "resource": {"type": "contact.email", "id": f"email:{ANN.value}"},
    "context": {"product": "gototraining"},
}


def test_a_version_published_while_it_runs_is_chosen_under(tmp_path: Path) -> None:
    clock = Clock(datetime(2016, 5, 1, tzinfo=UTC))
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(tmp_path / "keys", "acme.example/log")
        log = open_log(store, tmp_path / "keys")

        def publish(date: str) -> None:
            file = EXAMPLE / f"{date}.yaml"
            publish_version(log, read_version(file), file.read_bytes())

        publish("2015-12-31")
        policy = published_policy(store)
        assert policy is not None
        people = open_people(store, tmp_path / "keys", policy)

        def make(policy: troth.Policy):
            return make_app(policy, clock=clock, log=log, people=people, post=FolderPost(tmp_path / "mail"))

        live = LiveApp(log, policy, make, every=3600, people=people)

        async def ask(method: str, path: str, **more) -> httpx.Response:
            transport = httpx.ASGITransport(app=live)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **more)

        def page() -> str:
            return f"/choices/{Passes(people.key).choices(people.know(ANN), clock.now + timedelta(hours=1))}"

        first = asyncio.run(ask("GET", page()))
        assert 'name="choice.analytics"' in first.text
        assert 'name="choice.advertising"' not in first.text
        asyncio.run(ask("POST", page(), data={"choice.marketing": "out", "was.marketing": "unset"}))
        assert log.size() > (log.latest().head.size if log.latest() else 0)
        publish("2017-02-01")
        clock.now = datetime(2017, 5, 1, tzinfo=UTC)
        assert live.look()
        latest = log.latest()
        assert latest is not None
        assert latest.head.size == log.size()
        second = asyncio.run(ask("GET", page()))
        assert 'name="choice.advertising"' in second.text
        decided = asyncio.run(ask("POST", "/access/v1/evaluation", json=QUESTION)).json()
        assert (decided["decision"], decided["context"]["version"]) == (False, "2017-02-01")
        asyncio.run(ask("POST", page(), data={"choice.advertising": "out", "was.advertising": "unset"}))
        assert {change.version for change in people.history(ANN)} == {"2015-12-31", "2017-02-01"}
        live._app.close()


def test_an_agreement_for_a_time_lapses_by_itself(tmp_path: Path) -> None:
    text = """
policy: p
title: P
effective: 2020-01-01
publisher: {name: P, address: A, email: p@example.org}
covers: {shop: {name: Shop}}
uses:
  news: {says: We mail you if you agree., data: contact.email, for: marketing.own, only_if: news-choice}
choices:
  news-choice: {says: You can agree for a year., model: opt-in, lasts: 1 year}
"""
    policy = troth.Policy([parse_version(text.encode(), "p.yaml")])
    clock = Clock(datetime(2026, 5, 1, tzinfo=UTC))
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(tmp_path / "keys", "acme.example/log")
        log = open_log(store, tmp_path / "keys")
        source = text.encode()
        publish_version(log, policy.versions[0], source)
        people = open_people(store, tmp_path / "keys", policy)
        app = make_app(policy, clock=clock, log=log, people=people, post=FolderPost(tmp_path / "mail"))
        live = LiveApp(log, policy, lambda policy: app, every=3600, people=people)
        people.choose(ANN, {"news-choice": "in"}, how="page")
        clock.now = datetime(2027, 4, 30, 23, tzinfo=UTC)
        live.look()
        assert people.current(ANN)["news-choice"].state == "in"
        clock.now = datetime(2027, 5, 1, tzinfo=UTC)
        live.look()
        assert people.current(ANN)["news-choice"].state == "unset"

        async def show() -> str:
            entry = Passes(people.key).choices(people.know(ANN), clock.now + timedelta(hours=1))
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=live), base_url="http://localhost"
            ) as client:
                return (await client.get(f"/choices/{entry}")).text

        assert "What you allowed was for a time, which ended on 1 May 2027" in asyncio.run(show())
        app.close()


def test_what_the_gates_decide_is_written_down_with_each_look_and_at_the_end(tmp_path: Path) -> None:
    with choosing(tmp_path) as served:
        app = served.app
        live = LiveApp(
            served.log, served.people.policy, lambda policy: app, every=3600, people=served.people, vault=served.vault
        )
        assert live.collecting is not None
        feedback = Submission(
            statement="feedback", fields={"content.feedback": "Fine", "contact.email": ANN.value}, moment="feedback"
        )

        def counted() -> int:
            return sum(
                one.allowed for one in counts_by_statement(served.vault.store, served.clock()).get("feedback", ())
            )

        live.collecting.collect(feedback)
        assert counted() == 0
        live.look()
        assert counted() == 1
        live.collecting.collect(feedback)

        async def end() -> None:
            received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

            async def receive():
                return next(received)

            async def send(message) -> None:
                pass

            await live({"type": "lifespan"}, receive, send)

        asyncio.run(end())
        assert counted() == 2
