"""The preference centre over HTTP: the way in without a login, what is saved, and what is not told."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from choosing import ANN, Choosing, choosing

from troth.people import Identifier
from troth.people.receipt import receipt_schema
from troth.store import StoreUnavailableError
from troth.web.choices.centre import VISIT


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


def until(met) -> None:
    """Wait until something is there that a task of the server makes after it has answered."""
    import time

    for _ in range(200):
        if met():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")


def entry(served: Choosing, who: Identifier = ANN) -> str:
    return f"/choices/{served.passes.choices(served.people.know(who), served.clock.now + VISIT)}"


def test_a_code_leads_to_the_choices(served: Choosing) -> None:
    served.people.know(ANN)
    with served.client() as client:
        asked = client.post("/choices", data={"address": ANN.value})
        assert asked.status_code == 200
        until(served.mails)
        assert ANN.value in served.mails()[0]
        wrong = client.post("/choices", data={"address": ANN.value, "code": "00000000"})
        assert (wrong.status_code, "not right" in wrong.text) == (422, True)
        right = client.post("/choices", data={"address": ANN.value, "code": served.code()})
        assert right.status_code == 303
        shown = client.get("/" + right.headers["location"])
        assert shown.status_code == 200
        assert "Refuse everything optional" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert "set-cookie" not in shown.headers
        served.clock.now += VISIT
        late = client.get("/" + right.headers["location"])
        assert (late.status_code, "too old" in late.text) == (410, True)


def test_nobody_learns_whether_an_address_is_known(served: Choosing) -> None:
    served.people.know(ANN)
    with served.client() as client:
        answers = []
        for address in (ANN.value, "nobody@example.org"):
            asked = client.post("/choices", data={"address": address})
            wrong = client.post("/choices", data={"address": address, "code": "12345678"})
            answers += [(asked, wrong, address)]
        until(served.mails)
    (known, unknown) = [
        (asked.status_code, asked.text.replace(address, "A"), wrong.status_code, wrong.text.replace(address, "A"),
         sorted(name for name in asked.headers))
        for asked, wrong, address in answers
    ]  # fmt: skip
    assert known == unknown
    assert len(served.mails()) == 1


@pytest.mark.parametrize("address", ["", "no address", "a@b\nBcc: everybody@example.org", "x" * 400 + "@e.org"])
def test_what_is_no_address_is_refused_and_mails_nothing(served: Choosing, address: str) -> None:
    with served.client() as client:
        answer = client.post("/choices", data={"address": address})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert served.mails() == []


def test_codes_are_not_asked_for_from_other_sites(served: Choosing) -> None:
    served.people.know(ANN)
    with served.client() as client:
        answer = client.post("/choices", data={"address": ANN.value}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 400


def test_what_is_saved_is_in_force_when_it_is_acknowledged(served: Choosing) -> None:
    page = entry(served)
    with served.client() as client:
        saved = client.post(page, data={"choice.marketing": "out", "was.marketing": "unset"})
        assert saved.status_code == 200
        assert "in force from now on" in saved.text
        question = {
            "subject": {"type": "service", "id": "mailer"},
            "action": {"name": "use", "properties": {"purpose": "marketing.own"}},
            "resource": {"type": "contact.email", "id": f"email:{ANN.value}"},
            "context": {"product": "gototraining"},
        }
        decided = client.post("/access/v1/evaluation", json=question).json()
        assert decided["decision"] is False
        assert decided["context"]["reason"] == "opted-out"
        assert decided["context"]["sentence"].startswith("We e-mail you news")


def test_only_what_the_person_changed_is_written(served: Choosing) -> None:
    """Another way out may have come in between: a page that is older does not undo it."""
    page = entry(served)
    served.people.choose(ANN, {"marketing": "in"}, how="page")
    with served.client() as client:
        form = {"choice.marketing": "in", "was.marketing": "in", "choice.analytics": "out", "was.analytics": "unset"}
        served.people.choose(ANN, {"marketing": "out"}, how="one-click")
        client.post(page, data=form)
        states = {name: row.state for name, row in served.people.current(ANN).items()}
        assert states == {"marketing": "out", "analytics": "out"}
        again = client.post(page, data=form)
        assert "choice.analytics" in again.text
        unchanged = client.post(page, data={"choice.marketing": "out", "was.marketing": "out"})
        assert "Nothing was different" in unchanged.text
    assert [change.choice for change in served.people.history(ANN)].count("marketing") == 2


def test_everything_optional_is_refused_with_one_button(served: Choosing) -> None:
    page = entry(served)
    with served.client() as client:
        done = client.post(page, data={"do": "refuse"})
    assert "Everything optional is refused" in done.text
    version = served.people.policy.versions[-1]
    assert {name: row.state for name, row in served.people.current(ANN).items()} == {
        choice.id: "out" for choice in version.choices
    }


def test_reading_changes_nothing(served: Choosing) -> None:
    page = entry(served)
    before = served.log.size()
    with served.client() as client:
        for method in ("GET", "HEAD"):
            assert client.request(method, page, headers={"Sec-GPC": "1"}).status_code == 200
            assert client.request(method, f"{page}?do=refuse&choice.marketing=out").status_code == 200
        assert client.get("/choices", headers={"Sec-GPC": "1"}).status_code == 200
    assert served.log.size() == before
    assert served.people.history(ANN) == []


def test_a_signal_counts_when_the_person_acts_and_a_later_word_holds(served: Choosing) -> None:
    page = entry(served)
    signal = {"Sec-GPC": "1"}
    with served.client() as client:
        shown = client.get(page, headers=signal)
        assert "Let the signal count for analytics, advertising" in shown.text
        # One thing allowed while the signal is sent: the signal counts first, the word is later and more particular.
        saved = client.post(
            page, data={"choice.analytics": "in", "was.analytics": "unset", "do": "save"}, headers=signal
        )
        states = {name: row.state for name, row in served.people.current(ANN).items()}
        assert states == {"analytics": "in", "advertising": "out"}
        assert "so your word holds" in saved.text
        client.post(page, data={"do": "signal"}, headers=signal)
        assert served.people.current(ANN)["analytics"].state == "in"
        # Only exactly `1` says so.
        other = served.passes.choices(
            served.people.know(Identifier("email", "bob@example.org")), served.clock.now + VISIT
        )
        for value in ("0", "01", "true", "1, 1", ""):
            client.post(f"/choices/{other}", data={"do": "signal"}, headers={"Sec-GPC": value})
    assert served.people.current(Identifier("email", "bob@example.org")) == {}


def test_every_change_has_a_receipt_that_verifies_elsewhere(served: Choosing, tmp_path: Path) -> None:
    import re
    import subprocess
    import sys

    import jsonschema

    page = entry(served)
    with served.client() as client:
        saved = client.post(page, data={"choice.marketing": "out", "was.marketing": "unset"})
        link = re.search(r'href="\.\./(receipts/[^"]+)"', saved.text)
        assert link is not None
        answer = client.get(f"/{link[1]}")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")
        jsonschema.validate(answer.json(), client.get("/static/choice-receipt.schema.json").json())
        assert client.get("/static/choice-receipt.schema.json").json() == receipt_schema()
        (tmp_path / "receipt.json").write_bytes(answer.content)
        (tmp_path / "verifier.py").write_bytes(client.get("/log/verifier.py").content)
        key = client.get("/log/keys").text.split()[0]
        last = "y" if link[1][-6] == "x" else "x"
        assert client.get(f"/{link[1][:-6]}{last}.json").status_code == 404
        assert client.get(f"/{link[1].removesuffix('.json')}").status_code == 404
    command = [sys.executable, "-I", "verifier.py", "receipt.json", "--key", key]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "marketing" in done.stdout


def test_asking_again_says_what_changed(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from choosing import Clock

    clock = Clock(datetime(2016, 6, 1, tzinfo=UTC))
    with choosing(tmp_path, clock=clock) as served, served.client() as client:
        served.people.choose(ANN, {"analytics": "in", "marketing.events": "in"}, how="page")
        assert "please choose again" not in client.get(entry(served)).text
        clock.now = datetime(2017, 6, 1, tzinfo=UTC)
        shown = client.get(entry(served)).text
        assert shown.count("please choose again") == 1
        assert "/policy/versions/2015-12-31..2017-02-01" in shown
        assert "An analytics firm counts visits" in shown
        form = {"choice.analytics": "out", "was.analytics": "in"}
        assert "please choose again" not in client.post(entry(served), data=form).text


@pytest.mark.parametrize("path", ["/choices/nonsense", "/choices/a/b", "/receipts/x.json", "/receipts/x"])
def test_what_is_no_link_says_so(served: Choosing, path: str) -> None:
    with served.client() as client:
        assert client.get(path).status_code in (404, 410)


def test_forms_that_cannot_be_read_change_nothing(served: Choosing) -> None:
    page = entry(served)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    part = '--b\r\nContent-Disposition: form-data; name="do"; filename="x"\r\n\r\nrefuse\r\n--b--\r\n'
    with served.client() as client:
        for body, headers, status in (
            ("do=refuse&do=save", kind, 400),
            ("do=burn", kind, 400),
            ("choice.marketing=maybe", kind, 400),
            ("choice.no-such=out&was.no-such=in", kind, 400),
            ("a=" + "x" * 20_000, kind, 413),
            (part, {"Content-Type": "multipart/form-data; boundary=b"}, 400),
            ("--b\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
            (b"do=\xff\xfe", kind, 400),
        ):
            answer = client.post(page, content=body, headers=headers)
            assert answer.status_code == status, (body, answer.text)
            assert answer.headers["content-type"].startswith("text/plain")
        assert client.put(page).status_code == 405
        assert client.delete("/choices").status_code == 405
    assert served.people.history(ANN) == []


def test_a_store_that_is_away_acknowledges_nothing(served: Choosing, monkeypatch: pytest.MonkeyPatch) -> None:
    page = entry(served)

    def away(work):
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(served.people.store, "write", away)
    with served.client() as client:
        answer = client.post(page, data={"do": "refuse"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "nothing was changed" in answer.text


def test_without_the_sentence_no_address_is_used(tmp_path: Path) -> None:
    """A policy that does not say that an address serves to fulfil rights gets no codes mailed."""
    from running import SMALL

    with choosing(tmp_path, policy=SMALL) as served, served.client() as client:
        served.people.know(ANN)
        page = client.get("/choices").text
        assert "Send a code" not in page
        assert "Open the link in any message of ours" in page
        client.post("/choices", data={"address": ANN.value})
        assert served.mails() == []


def test_no_response_of_these_pages_sets_a_cookie_or_runs_a_script(served: Choosing) -> None:
    page = entry(served)
    with served.client() as client:
        for path in ("/choices", page, "/unsubscribe", "/unsubscribe/x", "/.well-known/gpc.json"):
            answer = client.get(path)
            assert "set-cookie" not in answer.headers
            assert "<script" not in answer.text
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_global_privacy_control_is_announced(served: Choosing) -> None:
    with served.client() as client:
        answer = client.get("/.well-known/gpc.json")
    assert answer.json() == {"gpc": True, "lastUpdate": "2017-02-01"}
    assert answer.headers["content-type"] == "application/json"


def test_a_link_of_an_hour_is_of_an_hour() -> None:
    assert timedelta(minutes=30) <= VISIT <= timedelta(hours=2)


def test_httpx_sends_what_it_is_told(served: Choosing) -> None:
    """The control of the tests of signals: a header of the client reaches the server as it is."""
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        assert "counts as no" in client.get("/choices", headers={"Sec-GPC": "1"}).text
        assert "counts as no" not in client.get("/choices").text


def test_browsers_are_taken_apart_on_request(served: Choosing) -> None:
    page = entry(served)
    browser = Identifier("cookie", "some-browser")
    served.people.link(ANN, browser)
    served.people.choose(ANN, {"analytics": "out", "marketing": "in"}, how="page")
    with served.client() as client:
        assert "1 browser and 1 e-mail address" in client.get(page).text
        done = client.post(page, data={"do": "unlink"}).text
    assert "on their own again" in done
    assert "These choices are of 1 e-mail address." in done
    assert served.people.find(browser) != served.people.find(ANN)
    assert {name: row.state for name, row in served.people.current(browser).items()} == {"analytics": "out"}
    assert served.people.current(ANN)["marketing"].state == "in"


def test_agreeing_to_the_present_version_for_what_was_given_before(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from choosing import Clock

    from troth.gates.collect import Submission

    clock = Clock(datetime(2016, 6, 1, tzinfo=UTC))
    with choosing(tmp_path, clock=clock) as served, served.client() as client:
        gate = served.app.collecting
        assert gate is not None
        gate.collect(Submission(statement="surveys", fields={"demographic": "x"}, who=ANN))
        assert "What you gave us before" not in client.get(entry(served)).text
        clock.now = datetime(2017, 6, 1, tzinfo=UTC)
        shown = client.get(entry(served)).text
        assert "What you gave us before" in shown
        assert "/policy/versions/2015-12-31..2017-02-01" in shown
        assert "in force from now on" in client.post(entry(served), data={"do": "accept"}).text
        assert served.people.accepted(ANN) == "2017-02-01"
        assert "Take that back" in client.get(entry(served)).text
        client.post(entry(served), data={"do": "take-back"})
        assert served.people.accepted(ANN) is None
