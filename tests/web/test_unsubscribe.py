"""The unsubscribe page and RFC 8058: one POST is enough, a GET is nothing, and what is answered with 200 is so."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from choosing import ANN, Choosing, Clock, choosing

from troth.people.strictness import effective
from troth.store import StoreUnavailableError

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


def link(served: Choosing, choice: str = "marketing", product: str | None = "gototraining") -> str:
    return f"/unsubscribe/{served.passes.unsubscribe(served.people.know(ANN), choice, product)}"


def states(served: Choosing) -> dict[str, str]:
    return {name: row.state for name, row in served.people.current(ANN).items()}


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click(served: Choosing, multipart: bool) -> None:
    path = link(served)
    with served.client() as client:
        if multipart:
            answer = client.post(path, files={"List-Unsubscribe": (None, "One-Click")})
            assert answer.request.headers["content-type"].startswith("multipart/form-data")
        else:
            answer = client.post(path, data=ONE_CLICK)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "set-cookie" not in answer.headers
    assert states(served) == {"marketing": "out"}
    (change,) = served.people.history(ANN)
    assert (change.how, change.product, change.actor) == ("one-click", "gototraining", "person")


def test_one_click_twice_is_done_once(served: Choosing) -> None:
    path = link(served)
    with served.client() as client:
        assert [client.post(path, data=ONE_CLICK).status_code for _ in range(3)] == [200, 200, 200]
    assert len(served.people.history(ANN)) == 1


def test_many_at_once_all_hear_that_it_is_done(served: Choosing) -> None:
    path, answers = link(served), []

    def click() -> None:
        with served.client() as client:
            answers.append(client.post(path, data=ONE_CLICK).status_code)

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert states(served) == {"marketing": "out"}


def test_get_and_head_change_nothing(served: Choosing) -> None:
    path, before = link(served), served.log.size()
    with served.client() as client:
        before = served.log.size()
        for method in ("GET", "HEAD"):
            for query in ("", "?List-Unsubscribe=One-Click", "?do=list", "?do=everything"):
                assert client.request(method, path + query).status_code == 200
        assert client.options(path).status_code in (204, 405)
    assert served.log.size() == before
    assert states(served) == {}


def test_a_post_without_the_words_changes_nothing(served: Choosing) -> None:
    path = link(served)
    with served.client() as client:
        for data in ({}, {"List-Unsubscribe": "one-click"}, {"list-unsubscribe": "One-Click"}, {"do": "burn"}):
            answer = client.post(path, data=data)
            assert answer.status_code == 400
            assert "RFC 8058" in answer.text
    assert states(served) == {}


def test_an_unknown_link_is_404(served: Choosing) -> None:
    good = link(served)
    foreign = served.passes.choices(served.people.know(ANN), served.clock.now + timedelta(days=1))
    gone = served.passes.unsubscribe("f" * 32, "marketing")
    nowhere = served.passes.unsubscribe(served.people.know(ANN), "no-such-list")
    with served.client() as client:
        for path in (
            good[:-1],
            f"{good}A",
            f"/unsubscribe/{foreign}",
            f"/unsubscribe/{gone}",
            f"/unsubscribe/{nowhere}",
        ):
            answer = client.post(path, data=ONE_CLICK)
            assert answer.status_code == 404, path
            assert "Nothing was changed" in answer.text
        page = client.get(good[:-1])
        assert page.status_code == 404
        assert "leads to no subscription" in page.text
    assert states(served) == {}


def test_the_link_never_ends(served: Choosing) -> None:
    path = link(served)
    served.clock.now += timedelta(days=365 * 20)
    with served.client() as client:
        assert client.post(path, data=ONE_CLICK).status_code == 200
    assert states(served) == {"marketing": "out"}


def test_a_list_that_the_policy_no_longer_has_is_still_refused(tmp_path: Path) -> None:
    import troth
    from troth.policy.reading import parse_version

    text = """
policy: p
title: P
effective: {date}
publisher: {{name: P, address: A, email: p@example.org}}
covers: {{shop: {{name: Shop}}}}
uses:
  news: {{says: We mail you., data: contact.email, for: marketing.own, unless: {choice}}}
choices:
  {choice}: {{says: You can refuse., model: opt-out}}
"""
    policy = troth.Policy(
        [
            parse_version(text.format(date="2020-01-01", choice="old-list").encode(), "1.yaml"),
            parse_version(text.format(date="2025-01-01", choice="new-list").encode(), "2.yaml"),
        ]
    )
    with choosing(tmp_path, policy=policy) as served, served.client() as client:
        path = link(served, "old-list", "shop")
        assert "Unsubscribe from Shop" in client.get(path).text
        assert client.post(path, data=ONE_CLICK).status_code == 200
        assert states(served) == {"old-list": "out"}
        (change,) = served.people.history(ANN)
        assert change.version == "2020-01-01"
        assert "You are unsubscribed" in client.get(path).text


def test_the_form_does_it_with_one_click_and_offers_more(served: Choosing) -> None:
    path = link(served, "marketing.events")
    with served.client() as client:
        page = client.get(path).text
        assert "Unsubscribe from GoToTraining?" in page
        assert "You can refuse invitations to events" in page
        done = client.post(path, data={"do": "list"}).text
        assert "You are unsubscribed" in done
        assert "in force from now on" in done
        assert states(served) == {"marketing.events": "out"}
        # Changing the subscription: partners as well, and events again.
        form = {
            "do": "save", "choice.marketing.events": "in", "was.marketing.events": "out",
            "choice.marketing.partners": "out", "was.marketing.partners": "unset",
        }  # fmt: skip
        assert "Saved" in client.post(path, data=form).text
        assert states(served) == {"marketing.events": "in", "marketing.partners": "out"}
        # And out of collection, use and distribution.
        assert "in force from now on" in client.post(path, data={"do": "everything"}).text
    assert set(states(served).values()) == {"out"}
    assert effective(states(served), "optional-data") == "out"
    assert {change.how for change in served.people.history(ANN)} == {"link"}


def test_what_is_not_durable_is_not_answered_with_200(served: Choosing, monkeypatch: pytest.MonkeyPatch) -> None:
    path = link(served)

    def away(work):
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(served.people.store, "write", away)
    with served.client() as client:
        answer = client.post(path, data=ONE_CLICK)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_who_was_merged_is_still_meant(served: Choosing) -> None:
    from troth.people import Identifier

    path = link(served)
    other = Identifier("account", "ann")
    served.people.link(other, ANN)
    with served.client() as client:
        assert client.post(path, data=ONE_CLICK).status_code == 200
    assert states(served) == {"marketing": "out"}


def test_before_any_version_there_is_nothing_to_refuse(tmp_path: Path) -> None:
    clock = Clock(datetime(2005, 1, 1, tzinfo=UTC))
    with choosing(tmp_path, clock=clock) as served, served.client() as client:
        path = link(served)
        assert client.get("/choices").status_code == 404
        assert client.post(path, data=ONE_CLICK).status_code == 404
