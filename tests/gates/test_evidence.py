"""The evidence of a promise verifies in an empty folder with Python alone; nothing in it can be changed or left out.

The flagship with real gates: cards were collected, used, and given to the processor.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from gate_oracle import ANN, BOB
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing_oracle import PAY, Sharer, sharer

from troth.accountability.promises import evidence, gathering, verify
from troth.accountability.promises.evidence import EvidenceError, EvidenceTooLargeError, write_pack
from troth.accountability.verifying.results import Found, Results
from troth.accountability.verifying.run import Place, run
from troth.gates.counts import Counts
from troth.gates.tally import Tally
from troth.gates.use import Purpose
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.record.commitment import new_event
from troth.record.keys import create_keys
from troth.record.kinds import make_entry
from troth.record.log import Log, append, open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app

sys.path.append(str(Path(__file__).parents[1] / "web"))
EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
USE = Purpose(purpose="service.payment", data=("payment.card",), product=None, service="billing")


class Kept(msgspec.Struct):
    at: Sharer
    log: Log
    policy: Policy

    @property
    def key(self) -> str:
        return str(self.log.keys.public[0])

    def pack(self, id: str, **more: object) -> bytes:
        out = io.BytesIO()
        write_pack(self.log, self.policy, id, self.at.clock(), out, **more)
        return out.getvalue()

    def unpacked(self, id: str, folder: Path) -> Path:
        zipfile.ZipFile(io.BytesIO(self.pack(id))).extractall(folder)
        return folder


def published(log: Log) -> Policy:
    for file in sorted(EXAMPLE.glob("*.yaml")):
        source = file.read_bytes()
        publish_version(log, parse_version(source, str(file)), source)
    policy = published_policy(log.store)
    assert policy is not None
    return policy


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with sharer(tmp_path_factory.mktemp("kept")) as at:
        folder = tmp_path_factory.mktemp("keys")
        create_keys(folder, "acme.example/log")
        log = open_log(at.store, folder)
        policy = published(log)
        for who in (ANN, BOB):
            at.collect(who)
        at.contract()
        assert at.gates.using.use(USE, [ANN]).persons[0].values
        at.clock.move(minutes=2)
        assert Counts(at.store).record() == 1
        shared = at.sharing.share(PAY, [ANN, BOB])
        assert (shared.state, shared.persons) == ("done", 2)
        run(Place(log, policy, at.gates.vault), ["record", "entries", "registers", "choices"])
        tally = Tally()
        tally.count("share", "card-payments", "2017-02-01", True, at.clock(), 2)
        tally.write(at.store)
        log.sign()
        yield Kept(at, log, policy)


def verified(folder: Path, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the program of the evidence as a stranger would: no packages, no settings, and a network that refuses."""
    shut = (
        "import sys, runpy\n"
        "def off(event, arguments):\n"
        "    if event.startswith(('socket.', 'urllib.')): raise OSError('the network is off')\n"
        "sys.addaudithook(off)\n"
    )
    run_it = f"{shut}sys.argv=['verify.py',*{['--key', key, *more]!r}]\nrunpy.run_path('verify.py',run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", run_it], cwd=folder, capture_output=True, text=True, env={}, check=False
    )


def ends(folder: Path, key: str, *more: str) -> int:
    """The same within this process, for many."""
    return verify.main([str(folder), "--key", key, *more])


def test_never_sold_verifies_offline_with_python_alone_and_is_complete(kept: Kept, tmp_path: Path) -> None:
    folder = kept.unpacked("sale", tmp_path / "sale")
    before = sorted(folder.rglob("*"))
    plain = subprocess.run(
        [sys.executable, "-I", "verify.py", "--key", kept.key], cwd=folder, capture_output=True, text=True, check=False
    )
    assert plain.returncode == 0, plain.stderr
    done = verified(folder, kept.key)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout == plain.stdout
    assert sorted(folder.rglob("*")) == before  # it leaves nothing behind
    size = kept.log.latest().head.size
    for said in (
        f"it has all {size} entries", "We never sell, trade or rent your data.", "VERIFIED.",
        "2 x collected under trial-card of 2017-02-01\n",
        "1 x used for service.payment under billing of 2017-02-01: 1 persons, 1 values",
        "1 x disclosed to card-processor for service.payment under card-payments of 2017-02-01: 2 persons, 2 values",
        "Test 'entries': passed", "was paid for it, no entry can say",
    ):  # fmt: skip
        assert said in done.stdout, said
    for secret in ("ann@example.org", "tok_ann_visa", kept.at.people.find(ANN)):
        assert not any(secret.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_the_whole_record_verifies_with_the_verifier_alone(kept: Kept, tmp_path: Path) -> None:
    folder = kept.unpacked("sale", tmp_path / "sale")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verifier.py", "--log", ".", "--key", kept.key],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "The log holds" in done.stdout, done.stderr


def test_another_promise_has_the_entries_that_name_it_with_their_proofs(kept: Kept, tmp_path: Path) -> None:
    folder = kept.unpacked("card-payments", tmp_path / "cards")
    assert not (folder / "tile").exists()
    done = verified(folder, kept.key)
    assert done.returncode == 0, done.stderr
    assert "1 x disclosed to card-processor" in done.stdout
    assert "x collected" not in done.stdout  # that was under another
    assert "That there are no more about this promise is not proven" in done.stdout
    proof = next(folder.glob("entries/*.tlog-proof"))
    alone = subprocess.run(
        [sys.executable, "-I", "-S", "verifier.py", str(proof), "--key", kept.key],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "The receipt holds" in alone.stdout, alone.stderr
    assert json.loads((folder / "tallies.json").read_text())[0]["allowed"] == 2


def test_with_too_many_entries_it_has_the_whole_record(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_PROOFS", 3)
    folder = kept.unpacked("card-payments", tmp_path / "cards")
    assert (folder / "tile").exists()
    assert ends(folder, kept.key) == 0


def test_every_promise_has_evidence_that_verifies_and_the_same_bytes_twice(kept: Kept, tmp_path: Path) -> None:
    version = kept.policy.in_force(kept.at.clock())
    assert version is not None
    for statement in version.stated_on(kept.at.clock()):
        folder = kept.unpacked(statement.id, tmp_path / statement.id)
        assert ends(folder, kept.key) == 0, statement.id
        shutil.rmtree(folder)
    assert kept.pack("sale") == kept.pack("sale")


@pytest.mark.parametrize("id", ["sale", "card-payments"])
def test_any_changed_byte_of_any_file_is_found(kept: Kept, tmp_path: Path, id: str) -> None:
    folder = kept.unpacked(id, tmp_path / "pack")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert ends(folder, kept.key) == 0

    @settings(max_examples=250, deadline=None)
    @given(st.sampled_from(files), st.randoms(use_true_random=False))
    def changed(file: Path, chance: random.Random) -> None:
        data = file.read_bytes()
        altered = bytearray(data or b"\0")
        if data:
            altered[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            file.write_bytes(altered)
            assert ends(folder, kept.key) == 1, file
        finally:
            file.write_bytes(data)

    changed()
    for file in files:  # and each of them, also the programs, by the program of the evidence itself
        data = file.read_bytes()
        file.write_bytes(data[:-1])
        assert ends(folder, kept.key) == 1, file
        file.unlink()
        assert ends(folder, kept.key) == 1, file
        file.write_bytes(data)
    for name in ("README.txt", "verify.py", "verifier.py", "manifest.json"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data + b"\n")
        assert verified(folder, kept.key).returncode == 1, name
        (folder / name).write_bytes(data)


def forged(folder: Path, changes: dict[str, bytes | None]) -> None:
    """Change files, and make a manifest that has them: what a keeper could do who wants to deceive."""
    for name, data in changes.items():
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    del found["manifest.json"]
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    (folder / "manifest.json").write_bytes(verify.spelled(hashes))


def with_(folder: Path, name: str, **changes: object) -> dict[str, bytes | None]:
    value = json.loads((folder / name).read_text())
    return {name: verify.spelled({**value, **changes})}


def without_the_disclosure(folder: Path) -> dict[str, bytes | None]:
    """The record as if nothing had been disclosed, its tiles and hashes, too."""
    (bundle,) = (folder / "tile/entries").glob("*.p/*")
    (hashes,) = (folder / "tile/0").glob("*.p/*")
    entries = [one for one in verify.verifier.split_bundle(bundle.read_bytes()) if b'"disclosed"' not in one]
    groups = [one for one in json.loads((folder / "entries.json").read_text()) if one["kind"] != "disclosed"]
    size = len(entries)
    assert size == int(bundle.name) - 1
    return {
        str(bundle.relative_to(folder)): None,
        str(hashes.relative_to(folder)): None,
        f"tile/entries/000.p/{size}": b"".join(len(one).to_bytes(2, "big") + one for one in entries),
        f"tile/0/000.p/{size}": b"".join(verify.verifier.hash_leaf(one) for one in entries),
        "entries.json": verify.spelled(groups),
        **with_(folder, "promise.json", size=size),
    }


FORGERIES = {
    "an entry is taken out": without_the_disclosure,
    "the disclosure is not counted": lambda folder: {"entries.json": verify.spelled([])},
    "a version of the policy is left out": lambda folder: {"policy/2015-12-31.yaml": None},
    "the policy says something else": lambda folder: {
        "policy/2017-02-01.yaml": (folder / "policy/2017-02-01.yaml").read_bytes().replace(b"never sell", b"often sell")
    },
    "a policy that was never published": lambda folder: {"policy/2018-01-01.yaml": b"policy: other\n"},
    "another version is said to be in force": lambda folder: with_(folder, "promise.json", version="2015-12-31"),
    "another place is shown": lambda folder: with_(folder, "promise.json", lines=[1, 2]),
    "a test went better": lambda folder: with_(
        folder, "verifications.json",
        record=[{**json.loads((folder / "verifications.json").read_text())["record"][0], "sentence": "All is well."}],
    ),
    "a test is left out": lambda folder: with_(folder, "verifications.json", record=[]),
    "something is opened that is not so": lambda folder: {
        "openings.json": verify.spelled([{"index": 3, "salt": "00" * 32, "values": {"said": "nothing"}}])
    },
    "the file of keys is none": lambda folder: {"keys.txt": b"no key\n"},
    "a way out of the folder": lambda folder: {},
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_keeper_who_makes_a_new_manifest_is_found_out(
    kept: Kept, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kept.unpacked("sale", tmp_path / "sale")
    forged(folder, FORGERIES[name](folder))
    if "way out" in name:
        assert ends(folder, kept.key) == 0  # the forging itself changes nothing
        outside = tmp_path / "outside.txt"
        outside.write_text("x")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["../outside.txt"] = hashlib.sha256(b"x").hexdigest()
        (folder / "manifest.json").write_bytes(verify.spelled(manifest))
    assert ends(folder, kept.key) == 1
    assert "NOT verified" in capsys.readouterr().err


def test_an_entry_taken_out_of_the_proofs_is_found(kept: Kept, tmp_path: Path) -> None:
    folder = kept.unpacked("card-payments", tmp_path / "cards")
    for proof in sorted(folder.glob("entries/*")):
        data = proof.read_bytes()
        forged(folder, {str(proof.relative_to(folder)): None})
        assert ends(folder, kept.key) == 1, proof
        forged(folder, {str(proof.relative_to(folder)): data})
    assert ends(folder, kept.key) == 0
    one = sorted(folder.glob("entries/*"))[0]
    data = one.read_bytes()
    forged(folder, {str(one.relative_to(folder)): data + "— somebody AAAAAAA=\n".encode()})
    assert ends(folder, kept.key) == 1  # a proof that ends in another note than the checkpoint of the evidence
    forged(folder, {str(one.relative_to(folder)): data})
    forged(folder, {"entries/000000999.tlog-proof": one.read_bytes()})
    assert ends(folder, kept.key) == 1


def test_the_checkpoint_of_another_log_is_refused(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(f"sqlite:///{tmp_path / 'other.db'}", create=True, clock=kept.at.clock) as store:
        create_keys(tmp_path / "other", "acme.example/log")  # the same name, other keys
        other = open_log(store, tmp_path / "other")
        published(other)
        note = other.sign().note
    folder = kept.unpacked("sale", tmp_path / "sale")
    assert ends(folder, str(other.keys.public[0])) == 1
    assert "not signed by any key that you trust" in capsys.readouterr().err
    forged(folder, {"checkpoint": note})
    assert ends(folder, kept.key) == 1
    assert ends(folder, str(other.keys.public[0])) == 1  # signed by that key, and of other entries
    with pytest.raises(SystemExit):
        verify.main([str(folder)])  # the key is never taken from the folder


def test_a_record_that_goes_on_is_shown_to(kept: Kept, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.write_bytes(kept.log.latest().note)
    kept.at.collect(ANN)
    kept.log.sign()
    folder = kept.unpacked("sale", tmp_path / "sale")
    assert ends(folder, kept.key, "--since", str(earlier)) == 0
    newer = tmp_path / "newer"
    newer.write_bytes(kept.log.latest().note)
    shutil.rmtree(folder)
    other = kept.unpacked("card-payments", tmp_path / "cards")
    assert ends(other, kept.key, "--since", str(newer)) == 1


NEVER = """\
never:
  buyers:
    says: We never give anything to the buyer.
    do: [share]
    with: buyer
  ads:
    says: We never use clicks for advertising.
    do: [use]
    for: marketing
    data: usage.clickstream
"""


def test_what_is_ruled_out_and_was_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"""\
policy: small
title: Small
effective: 2016-01-01
publisher: {{name: Example, address: 1 Street}}
covers: {{shop: {{name: Shop}}}}
recipients:
  buyer: {{name: Buyer, kind: third_party}}
  carrier: {{name: Carrier, kind: processor}}
collects:
  orders: {{says: We ask for your name., data: identity.name, for: service.register, when: registration}}
{NEVER}""".encode()
    with sharer(tmp_path, Policy([parse_version(text, "p.yaml")])) as at:
        create_keys(tmp_path / "log", "small.example/log")
        log = open_log(at.store, tmp_path / "log")
        publish_version(log, parse_version(text, "p.yaml"), text)
        policy = published_policy(at.store)
        assert policy is not None
        kept = Kept(at, log, policy)

        def disclosed(**changes: object) -> None:
            values: dict[str, object] = {
                "disclosure": "dis_1", "batch": 1, "recipient": "carrier", "purpose": "service", "policy": "small",
                "version": "2016-01-01", "product": "", "channel": "file", "statements": {"orders": 2}, "persons": 1,
                "values": 2, "root": "0" * 64, **changes,
            }  # fmt: skip
            at.store.write(lambda unit: append(unit, make_entry("disclosed", new_event(), unit.at, values)))
            log.sign()

        def used(purpose: str) -> None:
            values: dict[str, object] = {
                "minute": "2018-05-01T10:00:00Z", "service": "", "statement": "orders", "version": "2016-01-01",
                "purpose": purpose, "product": "", "persons": 1, "values": 1,
            }  # fmt: skip
            at.store.write(lambda unit: append(unit, make_entry("used", new_event(), unit.at, values)))
            log.sign()

        disclosed()
        used("service.register")
        used("marketing.own")
        assert ends(kept.unpacked("buyers", tmp_path / "a"), kept.key) == 0
        assert "1 lines above are of such an action, and by what they say not of what is" in capsys.readouterr().out
        assert ends(kept.unpacked("ads", tmp_path / "b"), kept.key) == 0
        assert "1 lines above may be of it or not" in capsys.readouterr().out
        disclosed(recipient="buyer")
        assert ends(kept.unpacked("buyers", tmp_path / "c"), kept.key) == 3
        said = capsys.readouterr().out
        assert "the promise was not kept" in said
        assert "1 x disclosed to buyer for service" in said


def test_a_failed_test_is_in_it_and_cannot_be_called_kept(kept: Kept, tmp_path: Path) -> None:
    results = Results(kept.at.store)
    results.enter([Found("entries", "failed", "Entry 12, disclosed: it names no statement that allows it.")])
    kept.log.sign()
    folder = kept.unpacked("sale", tmp_path / "sale")
    assert json.loads((folder / "promise.json").read_text())["state"] == "broken"
    assert "Entry 12" in (folder / "index.html").read_text()
    assert ends(folder, kept.key) == 0
    forged(folder, with_(folder, "promise.json", state="kept"))
    assert ends(folder, kept.key) == 1
    older = json.loads((folder / "verifications.json").read_text())["entries"][1:]
    forged(folder, with_(folder, "verifications.json", entries=older))
    assert ends(folder, kept.key) == 1  # the later result is in the record, and left out here
    kept.at.clock.move(minutes=1)
    run(Place(kept.log, kept.policy, kept.at.gates.vault), ["entries"])
    results.enter([Found("record", "failed", "This one no checkpoint covers yet.")])
    folder = kept.unpacked("sale", tmp_path / "unsigned")
    assert "no checkpoint covers" not in (folder / "index.html").read_text()
    assert ends(folder, kept.key) == 0
    run(Place(kept.log, kept.policy, kept.at.gates.vault), ["record", "entries"])
    kept.log.sign()


def test_what_cannot_be_given_is_refused(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="does not promise 'nothing'"):
        kept.pack("nothing")
    with pytest.raises(EvidenceTooLargeError, match="the whole record of"):
        kept.pack("sale", most=3)
    assert kept.pack("card-payments", most=3)
    with open_store(f"sqlite:///{tmp_path / 'empty.db'}", create=True, clock=kept.at.clock) as store:
        create_keys(tmp_path / "empty", "acme.example/log")
        with pytest.raises(EvidenceError, match="No checkpoint"):
            write_pack(open_log(store, tmp_path / "empty"), kept.policy, "sale", kept.at.clock(), io.BytesIO())


def test_it_is_served_and_the_page_links_to_it(kept: Kept, chromium, tmp_path: Path) -> None:
    from running import running

    from troth.web.promises import evidence as served

    app = make_app(kept.policy, clock=kept.at.clock, log=kept.log)
    with running(app) as url:
        answer = httpx.get(f"{url}/promises/sale/evidence.zip", trust_env=False)
        assert (answer.status_code, answer.content) == (200, kept.pack("sale"))
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-disposition"] == f'attachment; filename="{kept.policy.id}-sale-evidence.zip"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        head = httpx.head(f"{url}/promises/sale/evidence.zip", trust_env=False)
        assert (head.headers["content-length"], head.content) == (str(len(answer.content)), b"")
        for path in ("nobody", "SALE", "sale/x", ".."):
            assert httpx.get(f"{url}/promises/{path}/evidence.zip", trust_env=False).status_code == 404
        assert httpx.post(f"{url}/promises/sale/evidence.zip", trust_env=False).status_code == 405
        page = chromium.new_page(accept_downloads=True)
        page.goto(f"{url}/promises/sale")
        with page.expect_download() as download:
            page.get_by_role("link", name="The evidence, to verify it yourself without us").click()
        download.value.save_as(tmp_path / "downloaded.zip")
        page.close()
        zipfile.ZipFile(tmp_path / "downloaded.zip").extractall(tmp_path / "pack")
        assert verified(tmp_path / "pack", kept.key).returncode == 0
    app.close()
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(served.EvidenceRoute.__init__, "__defaults__", (3,))
    try:
        app = make_app(kept.policy, clock=kept.at.clock, log=kept.log)
        with running(app) as url:
            answer = httpx.get(f"{url}/promises/sale/evidence.zip", trust_env=False)
            assert answer.status_code == 403
            assert "troth evidence sale" in answer.text
            assert httpx.get(f"{url}/promises/card-payments/evidence.zip", trust_env=False).status_code == 200
        app.close()
    finally:
        monkeypatch.undo()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_its_page_fits_loads_nothing_and_axe_finds_nothing(
    kept: Kept, chromium, tmp_path: Path, width: int, scheme: str
) -> None:
    for id in ("sale", "card-payments"):
        folder = kept.unpacked(id, tmp_path / id)
        assert "<script" not in (folder / "index.html").read_text()
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"file://{folder / 'index.html'}")
        assert asked == [f"file://{folder / 'index.html'}"]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if place := os.environ.get("TROTH_PICTURES"):
            page.screenshot(path=Path(place) / f"evidence-{id}-{width}-{scheme}.png", full_page=True)
        context.close()


def test_the_files_are_those_of_the_documentation(kept: Kept, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/evidence.md").read_text("utf-8")
    readme = (kept.unpacked("sale", tmp_path / "sale") / "README.txt").read_text()
    for id in ("sale", "card-payments"):
        for name in zipfile.ZipFile(io.BytesIO(kept.pack(id))).namelist():
            part = name.split("/")[0]
            assert f"`{part}" in text, name
            assert part in readme or part in ("README.txt", "entries"), name
    assert evidence.file_name(kept.policy, "sale") == f"{kept.policy.id}-sale-evidence.zip"
