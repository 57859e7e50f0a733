"""The person sees who received what about them, what followed, and can prove each line to whoever they like."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from choosing import ANN, Choosing, choosing

from troth.conditions import Register
from troth.conditions.facts import Page, Profile
from troth.gates.collect import Submission
from troth.gates.share.lines import Proof
from troth.gates.share.wanted import Wanted
from troth.people import Identifier
from troth.record import verifier
from troth.record.kinds import read_entry
from troth.web.choices import received
from troth.web.choices.centre import VISIT


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        register = Register(served.people.store, served.people.policy)
        page = Page(url="https://gotomeeting.localhost/p", product="gotomeeting", begins=served.clock())
        register.add("co-brand-partner", Profile(name="Partner", kind="joint"), by="mary")
        register.add("co-brand-partner", page, by="mary")
        yield served


def collect(served: Choosing, who: Identifier = ANN) -> None:
    fields = {"contact.email": who.value, "identity.name": "Ann"}
    form = Submission(statement="site-forms", fields=fields, product="gotomeeting", moment="visit")
    assert served.app.collecting is not None
    served.app.collecting.collect(form)


def share(served: Choosing, recipient: str, purpose: str, *whos: Identifier, product: str | None = None) -> str:
    wanted = Wanted(
        recipient=recipient, purpose=purpose, data=("contact.email",), channel="answer", product=product
    )  # fmt: skip
    assert served.app.sharing is not None
    return served.app.sharing.share(wanted, list(whos)).id


def page(served: Choosing, who: Identifier = ANN) -> str:
    entry = served.passes.choices(served.people.know(who), served.clock() + VISIT)
    with served.client() as client:
        answer = client.get(f"/choices/{entry}")
    assert answer.status_code == 200
    return answer.text


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_nobody_received_anything(served: Choosing) -> None:
    collect(served)
    assert "Nobody outside of our own house has received data about you." in text(page(served))


def test_who_received_what_when_and_under_which_promise(served: Choosing) -> None:
    bob = Identifier("email", "bob@example.org")
    collect(served)
    collect(served, bob)
    share(served, "logmein-group", "service.provide", ANN, bob)
    share(served, "logmein-group", "service.provide", ANN)
    html = page(served)
    told = text(html)
    assert "Companies of the LogMeIn group E-mail address, 2 times, lastly on 1 May 2026, 10:00 UTC." in told
    assert "Companies of the LogMeIn group use your data to serve you." in told
    assert len(re.findall(r'href="\.\./disclosures/[^"]+\.json"', html)) == 2
    # Bob sees his own alone.
    assert len(re.findall(r'href="\.\./disclosures/[^"]+\.json"', page(served, bob))) == 1


def test_each_line_can_be_proven_to_anybody(served: Choosing) -> None:
    bob = Identifier("email", "bob@example.org")
    collect(served)
    collect(served, bob)
    disclosure = share(served, "logmein-group", "service.provide", bob, ANN)
    (address,) = re.findall(r'href="\.\./(disclosures/[^"]+\.json)"', page(served))
    with served.client() as client:
        answer = client.get(f"/{address}")
        for wrong in (
            address.replace(".json", ""),
            f"{address[:-8]}x.json",
            address.replace("disclosures/", "receipts/"),
        ):
            assert client.get(f"/{wrong}").status_code == 404
    assert "attachment" in answer.headers["content-disposition"]
    read = answer.json()
    assert read["line"]["disclosure"] == disclosure
    assert read["line"]["data"] == ["contact.email"]
    proof = msgspec.convert({name: read[name] for name in Proof.__struct_fields__}, Proof)
    proof.check()
    receipt = base64.b64decode(read["tlogProof"])
    entry = read_entry(proven_entry(receipt, served))
    assert (entry["kind"], entry["root"], entry["disclosure"]) == ("disclosed", read["root"], disclosure)
    altered = msgspec.structs.replace(proof, line={**proof.line, "data": ["payment.card"]})
    with pytest.raises(verifier.VerifyError):
        altered.check()
    assert "bob" not in answer.text


def proven_entry(receipt: bytes, served: Choosing) -> bytes:
    """The entry that a receipt of the record proves, by the stand-alone verifier."""
    found = verifier.verify_receipt(receipt, served.log.keys.trusted)
    return next(part for part in found if isinstance(part, bytes))


def test_what_followed_is_told_with_it(served: Choosing) -> None:
    collect(served)
    share(served, "co-brand-partner", "partner.programme", ANN, product="gotomeeting")
    served.people.choose(ANN, {"marketing.partners": "out"}, how="page")
    assert served.app.following is not None
    served.app.following.run()
    told = text(page(served))
    assert "You refused ‘marketing partners’ (1 May 2026)." in told
    assert "Our staff passes that on by letter or telephone." in told


def test_a_partner_that_only_learnt_of_a_refusal_is_there_too(served: Choosing) -> None:
    served.people.choose(ANN, {"marketing.partners": "out"}, how="page", product="gotomeeting")
    assert served.app.following is not None
    served.app.following.run()
    told = text(page(served))
    assert "Example Co-brand Partner Received nothing about you." in told
    assert "You refused ‘marketing partners’" in told


def test_what_nobody_may_be_told_of_is_nowhere(served: Choosing, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(served)
    secret = share(served, "logmein-group", "service.provide", ANN)
    (address,) = re.findall(r'href="\.\./(disclosures/[^"]+\.json)"', page(served))
    monkeypatch.setattr(received, "hidden", lambda store, ids, at: frozenset({secret}))
    assert "Nobody outside of our own house" in text(page(served))
    with served.client() as client:
        assert client.get(f"/{address}").status_code == 404


def test_what_was_erased_can_be_proven_no_more(served: Choosing) -> None:
    collect(served)
    share(served, "logmein-group", "service.provide", ANN)
    (address,) = re.findall(r'href="\.\./(disclosures/[^"]+\.json)"', page(served))
    served.vault.erase([ANN], staff="mary")
    with served.client() as client:
        assert client.get(f"/{address}").status_code == 404
