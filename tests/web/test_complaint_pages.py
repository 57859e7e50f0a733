"""Complaints over HTTP: the form, the code, files, the recourse body and its case file, and deadlines."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from complaining import PNG, Complaining, complaining

from troth.accountability.complaints.facts import Answered, Remedied
from troth.record.commitment import commit
from troth.record.verifier import open_note, verify_receipt
from troth.store import StoreUnavailableError

DAY = timedelta(days=1)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Complaining]:
    with complaining(tmp_path) as found:
        yield found


def only(here: Complaining):
    (one,) = here.desk.standing().values()
    return one


def test_a_complaint_is_acknowledged_at_once_and_its_code_opens_it(here: Complaining) -> None:
    with here.served.client() as client:
        form = client.get("/complaints?statement=sale")
        assert '<option value="sale" selected>' in form.text
        assert "no-store" in form.headers["cache-control"]
        code = here.send(wanted="Say to whom.", site="gotomeeting", files=[("photo.png", PNG)])
        one = only(here)
        assert (one.state, one.received.statement, one.received.site) == ("acknowledged", "sale", "gotomeeting")
        assert one.received.answer_by == one.at + 45 * DAY
        page = client.get(f"/complaints/{code}").text
        for said in ("You sold my address.", "Say to whom.", "photo.png", "15 June 2016", "entry 3"):
            assert said in page, said
        here.staff(one.id, Answered(by="staff"), "It was never for sale.")
        assert "It was never for sale." in client.get(f"/complaints/{code}").text
        found = client.post("/complaints/find", data={"code": f" {code[:8]} {code[8:].upper()}"})
        assert (found.status_code, found.headers["location"]) == (303, f"/complaints/{code}")
        settled = client.post(f"/complaints/{code}", data={"do": "settle"})
        assert settled.status_code == 303
        assert only(here).state == "settled"
        for wrong in ("0" * 32, "x", code[:-1]):
            assert client.get(f"/complaints/{wrong}").status_code == 404
            assert client.post("/complaints/find", data={"code": wrong}).status_code == 422


def test_the_code_and_the_words_are_in_no_log_and_the_form_counts_once(here: Complaining, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    code = here.send(code="a" * 32)
    assert code == "a" * 32
    assert here.send(code="a" * 32) == code
    assert here.send(code="a" * 32, what="Something else.") != code
    assert len(here.desk.standing()) == 2
    with here.served.client() as client:
        client.get(f"/complaints/{code}")
        client.post(f"/complaints/{code}", data={"do": "nonsense"})
    ours = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore")))
    assert code not in ours
    assert "sold my" not in ours


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"what": "  "}, "Say what happened."),
        ({"statement": "nothing"}, "makes no such promise"),
        ({"site": "nowhere"}, "covers no such site"),
        ({"way": "mail", "address": "no"}, "is no e-mail address"),
        ({"way": "mail", "address": ""}, "Give the e-mail address"),
        ({"kind": "poem"}, "It is a complaint, a request or feedback."),
        ({"what": "x" * 20_001}, "20001 characters"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_kept(here: Complaining, fields, says) -> None:
    with here.served.client() as client:
        answer = client.post("/complaints", data={"what": "Words that stay.", **fields})
    assert answer.status_code == 422
    assert says in answer.text or "address" in says, answer.text
    assert 'role="alert"' in answer.text
    assert here.desk.standing() == {}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("a.png", b"<script>alert(1)</script>\x00")], "none of what is taken"),
        ([("a.exe", b"MZ\x90\x00")], "none of what is taken"),
        ([("a.txt", b"x" * (2 * 1024 * 1024 + 1))], "larger than 2 MB"),
        ([("a.txt", b"a")] * 4, "3 files can go with it"),
        ([("a.txt", b"")], "is empty"),
    ],
)
def test_other_files_are_refused(here: Complaining, files, says) -> None:
    with here.served.client() as client:
        sent = [("file", one) for one in files]
        answer = client.post("/complaints", data={"what": "Words."}, files=sent)
    assert (answer.status_code, says in answer.text) == (422, True), answer.text[-3000:]
    assert here.desk.standing() == {}


def test_a_form_of_another_site_or_one_that_is_too_large_is_refused(here: Complaining) -> None:
    with here.served.client() as client:
        for origin in ("cross-site", "same-site"):
            answer = client.post("/complaints", data={"what": "Words."}, headers={"Sec-Fetch-Site": origin})
            assert (answer.status_code, "other sites" in answer.text) == (400, True)
        answer = client.post("/complaints", data={"what": "Words."}, files={"file": ("a.txt", b"x" * 8_000_000)})
        assert answer.status_code == 413
        assert client.put("/complaints").status_code == 405
        assert client.get("/complaints/").headers["location"] == "/complaints"
    assert here.desk.standing() == {}


def test_a_file_comes_back_as_a_download_in_a_sandbox(here: Complaining) -> None:
    code = here.send(files=[('../we"ird<>.html', b"<script>alert(1)</script>")])
    (kept,) = (one for one in only(here).received.kept if one.sort == "file")
    with here.served.client() as client:
        answer = client.get(f"/complaints/{code}/files/{kept.id}")
        assert answer.content == b"<script>alert(1)</script>"
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"] == f'attachment; filename="{kept.id}.txt"'
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        other = here.send(what="Another one.")
        assert client.get(f"/complaints/{other}/files/{kept.id}").status_code == 404
        assert client.get(f"/complaints/{'0' * 32}/files/{kept.id}").status_code == 404


def test_whoever_gave_an_address_is_mailed_the_code_and_the_answer(here: Complaining) -> None:
    code = here.send(way="mail", address="Ann@Example.org")
    for _ in range(200):
        if here.served.mails():
            break
        threading.Event().wait(0.01)
    (mail,) = here.served.mails()
    assert f"/complaints/{code}" in mail
    assert "15 June 2016" in mail
    assert "sold my" not in mail
    here.staff(only(here).id, Answered(by="staff"), "It was never for sale.")
    here.served.clock.now += DAY
    here.look()
    here.look()
    mails = here.served.mails()
    assert sum("It was never for sale." in one for one in mails) == 1
    assert sum(code in one for one in mails) == 1


def test_nobody_answers_so_staff_are_reminded_and_the_body_gets_the_case_and_determines(here: Complaining) -> None:
    code = here.send(files=[("photo.png", PNG)])
    start = here.served.clock.now
    told = {}
    for days in (1, 23, 38.5, 44.5, 45, 46):
        here.served.clock.now = start + days * DAY
        here.look()
        here.look()
        told[days] = [one for one in here.served.mails() if "privacy@citrix-online.example" in one]
    assert [len(told[days]) for days in told] == [0, 1, 2, 3, 4, 4]
    assert "Subject: Overdue: answer complaint" in "".join(told[45])
    one = only(here)
    assert (one.state, one.body) == ("escalated", "truste")
    with here.served.client() as client:
        cases = f"/recourse/{here.token}"
        assert one.id in client.get(cases).text
        assert client.get(f"/recourse/{'0' * 64}").status_code == 404
        own = f"{cases}/{one.id}"
        page = client.get(own).text
        for said in ("You sold my address.", "We never sell, trade or rent your data.", "photo.png"):
            assert said in page, said
        bad = client.post(own, data={"do": "determine", "what": "You are right.", "outcome": "upheld"})
        assert (bad.status_code, "by which day" in bad.text) == (422, True)
        good = {"do": "determine", "what": "Ann is right.", "outcome": "upheld", "remedy_by": "2016-07-01"}
        assert client.post(own, data=good).status_code == 303
        mine = client.get(f"/complaints/{code}").text
        assert "Ann is right." in mine
        assert "remedied by 1 July 2016" in mine
        assert client.post(f"/complaints/{code}", data={"do": "settle"}).status_code == 422
        here.staff(one.id, Remedied(by="staff"), "We bought it back.")
        assert "We bought it back." in client.get(own).text
        counts = client.get("/complaints/statistics.json").json()
        assert (counts[0]["escalated"], counts[0]["remedied"], counts[0]["late"]) == (1, 1, 1)
        assert "1 to a recourse body" in client.get("/complaints/statistics").text


def test_the_case_file_is_complete_signed_and_proves_its_steps(here: Complaining) -> None:
    here.send(way="mail", address="ann@example.org", files=[("photo.png", PNG)])
    here.served.clock.now += 45 * DAY
    here.look()
    one = only(here)
    with here.served.client() as client:
        answer = client.get(f"/recourse/{here.token}/{one.id}/case.zip")
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert set(manifest) == set(files) - {"manifest.json", "manifest.note"}
    assert all(hashlib.sha256(files[name]).hexdigest() == digest for name, digest in manifest.items())
    text, _ = open_note(files["manifest.note"], here.served.log.keys.trusted)
    assert hashlib.sha256(files["manifest.json"]).hexdigest() in text
    assert one.id in text
    case = json.loads(files["case.json"])
    assert case["eligible"][0].startswith("The complaint is about personal data")
    assert [fact["what"] for fact in case["facts"]] == ["received", "acknowledged", "escalated"]
    for fact in case["facts"]:
        entry = json.loads(here.served.log.entry(fact["entry"]))
        opens = fact["opens"]
        for field, value in opens["values"].items():
            assert commit(bytes.fromhex(opens["salt"]), field, value) == entry[field]
        verify_receipt(files[f"proofs/{fact['entry']}.tlog-proof"], here.served.log.keys.trusted)
    assert b"ann@example.org" not in b"".join(files.values())
    assert PNG in files.values()
    assert b"You sold my address." in files["case.html"]


def test_a_body_reads_only_what_the_person_agreed_to(here: Complaining) -> None:
    code = here.send(agreed="")
    here.served.clock.now += 45 * DAY
    here.look()
    one = only(here)
    own = f"/recourse/{here.token}/{one.id}"
    with here.served.client() as client:
        assert "You sold my address." not in client.get(own).text
        assert b"You sold my address." not in zipfile.ZipFile(io.BytesIO(client.get(f"{own}/case.zip").content)).read(
            "case.html"
        )
        assert client.post(f"/complaints/{code}", data={"do": "agree"}).status_code == 303
        assert "You sold my address." in client.get(own).text


def test_a_store_that_is_away_is_a_503_and_nothing_is_taken_in(here: Complaining, monkeypatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    monkeypatch.setattr(here.desk.store, "write", away)
    with here.served.client() as client:
        answer = client.post("/complaints", data={"what": "Words."})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert here.desk.standing() == {}


def test_more_than_can_be_read_is_not_taken(here: Complaining, monkeypatch) -> None:
    monkeypatch.setattr("troth.accountability.complaints.desk.EACH_HOUR", 2)
    here.send()
    here.send(what="Two.")
    with here.served.client() as client:
        answer = client.post("/complaints", data={"what": "Three."})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
        here.served.clock.now += timedelta(hours=2)
        assert client.post("/complaints", data={"what": "Three."}).status_code == 200
