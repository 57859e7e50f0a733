"""Files over HTTP, from a real server: to the recipient that shows itself, once; to nobody else, and to no preview."""

import base64
import hashlib
import hmac
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pyrage
import pytest
import standardwebhooks
from choosing import Clock
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from running import EXAMPLE, running
from sqlalchemy import text

import troth
from troth.conditions import Register
from troth.conditions.facts import Contract, Profile, Terminated
from troth.gates.collect import Submission
from troth.gates.delivery.deliveries import Deliveries
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.share.files import fetching
from troth.gates.share.files.files import Files
from troth.gates.share.files.place import Place
from troth.gates.share.files.showing import signed_content
from troth.gates.share.wanted import Wanted
from troth.people import Identifier, People, open_people
from troth.record.keys import create_keys
from troth.record.kinds import read_entry
from troth.record.log import Log, open_log
from troth.store import open_store
from troth.vault import open_vault
from troth.web.app import WebApp, make_app
from troth.web.choices.mail import FolderPost
from troth.web.live import LiveApp
from troth.web.v1 import files as routes

FLAGSHIP = troth.Policy.read(EXAMPLE)
FIRM, OTHER = "marketing-agency", "mail-service"
NOW = datetime(2018, 5, 1, 10, tzinfo=UTC)
DATA = ("contact.email", "identity.name")


class Served(msgspec.Struct):
    """The server, and the firm's keys."""

    url: str
    app: WebApp
    files: Files
    people: People
    log: Log
    clock: Clock
    identity: pyrage.x25519.Identity
    secrets: dict[str, str]
    endpoints: Endpoints

    def made(self, *names: str) -> tuple[str, str]:
        """A file that was made, and the path of a link to it."""
        whos = []
        for name in names or ("ann", "bob"):
            email = f"{name}@example.org"
            fields = {"identity.name": name, "contact.email": email, "account.id": email}
            fields |= {"account.password": "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"}
            whos.append(Identifier("email", email))
            self.app.collecting.collect(
                Submission(statement="registration", fields=fields, product="gototraining", moment="trial")
            )
        wanted = Wanted(
            recipient=FIRM, purpose="marketing.own", data=DATA, product="gototraining", channel="file", format="csv"
        )
        shared = self.app.sharing.share(wanted, whos)
        assert self.files.make_next() == shared.id
        return shared.id, self.link(shared.id)

    def link(self, disclosure: str) -> str:
        link, _ = self.files.links.make(disclosure, by="mary")
        return link.removeprefix("https://privacy.example.org")

    def get(self, path: str, who: str | None = FIRM, method: str = "GET", **headers: str) -> httpx.Response:
        shown = {} if who is None else {"Authorization": f"Bearer {self.secrets[who]}"}
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.request(method, path, headers=shown | headers)

    def entries(self, kind: str) -> list[dict]:
        with self.log.store.read() as connection:
            rows = connection.execute(text('SELECT entry FROM leaves ORDER BY "index"')).scalars().all()
        found = [read_entry(bytes(row)) for row in rows]
        return [entry for entry in found if entry["kind"] == kind]

    def row(self, disclosure: str):
        return next(row for row in self.files.list() if row.disclosure == disclosure)


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    clock = Clock(NOW)
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        people = open_people(store, folder / "keys", FLAGSHIP)
        vault = open_vault(store, people)
        register = Register(store, FLAGSHIP)
        for name in (FIRM, OTHER):
            register.add(name, Profile(name=name, kind="processor", countries=("US",)), by="mary")
        terms = Contract(
            id="c1", begins=NOW - timedelta(days=10), ends=NOW + timedelta(days=365), accepts="2017-02-01", data=DATA,
            purposes=("marketing.own",), signed=NOW - timedelta(days=10),
        )  # fmt: skip
        register.add(FIRM, terms, by="mary")
        app = make_app(
            FLAGSHIP, clock=clock, log=log, people=people, post=FolderPost(folder / "mail"), vault=vault,
            files=Place(folder / "files", "https://privacy.example.org"),
        )  # fmt: skip
        files, identity = app.files, pyrage.x25519.Identity.generate()
        files.keys.register(FIRM, str(identity.to_public()).encode(), by="mary")
        secrets = {name: files.keys.make_secret(name, by="mary")[1] for name in (FIRM, OTHER)}
        try:
            with running(app) as url:
                yield Served(url, app, files, people, log, clock, identity, secrets, Endpoints(store, people))
        finally:
            app.close()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def test_the_recipient_fetches_its_file(at: Served) -> None:
    id, path = at.made()
    answer = at.get(path)
    assert answer.status_code == 200
    about = at.row(id).about
    assert hashlib.sha256(answer.content).hexdigest() == about.sha256
    assert b"ann@example.org" in pyrage.decrypt(answer.content, [at.identity])
    assert answer.headers["content-length"] == str(about.size)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="{id}.csv.age"'
    assert answer.headers["etag"] == f'"{about.sha256}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(about.sha256)).decode()}:"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(at.entries("file-fetched")) == 1
    again = at.get(path)
    assert (again.status_code, again.json()["error"]) == (410, "used")
    assert set(again.json()) == {"error", "message", "field", "statement", "sentence"}, "as everything below /v1"
    assert again.headers["cache-control"] == "no-store"


def test_who_shows_nothing_or_something_wrong_is_answered_alike_and_burns_nothing(at: Served) -> None:
    id, path = at.made()
    before, links = at.row(id), at.files.links.list()
    nothing: set[tuple[int, bytes]] = set()
    wrong = [
        {}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"},
        {"Authorization": f"Bearer {at.secrets[FIRM]}x"}, {"Authorization": at.secrets[FIRM]},
        {"webhook-id": "a", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": "v1,AAAA"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    ]  # fmt: skip
    for method in ("GET", "HEAD"):
        for headers in wrong:
            for some in (path, path[:-1] + "!", "/v1/files/" + "A" * 43, "/v1/files/", f"{path}/manifest", f"{path}/x"):
                answer = at.get(some, None, method, **headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == 'Bearer realm="troth-files"'
                nothing.add((answer.status_code, answer.content))
    assert len(nothing) == 2, "whether there is such a link, nobody else learns"  # with a body, and to HEAD without
    assert (at.row(id), at.files.links.list()) == (before, links)
    for some in ("/v1/files/" + "A" * 43, f"{path}/x", "/v1/files/"):
        assert at.get(some).status_code == 404
    assert at.get(path, OTHER).json() == at.get("/v1/files/" + "A" * 43, OTHER).json()
    assert at.get(path, OTHER).status_code == 404
    assert at.get(path).status_code == 200


def test_two_authorizations_are_none(at: Served) -> None:
    _, path = at.made()
    connection = http.client.HTTPConnection(at.url.removeprefix("http://"))
    connection.putrequest("GET", path)
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {at.secrets[FIRM]}")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_head_and_the_manifest_change_nothing(at: Served) -> None:
    id, path = at.made()
    before = at.row(id)
    head = at.get(path, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(before.size)
    for _ in range(3):
        manifest = at.get(f"{path}/manifest").json()
    assert manifest["disclosure"] == id
    assert manifest["sha256"] == before.sha256
    assert manifest["purpose"] == "marketing.own"
    assert manifest["columns"] == ["contact.email", "identity.name"]
    assert manifest["duties"] == ["minimise"]
    assert manifest["sentences"] == ["A marketing firm sends our news for us, under contract, unless you opt out."]
    assert at.row(id) == before
    assert at.get(path).status_code == 200
    assert at.get(path, method="HEAD").status_code == 410


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(at: Served, method: str) -> None:
    _, path = at.made()
    answer = at.get(path, method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_ranges(at: Served) -> None:
    id, path = at.made()
    row = at.row(id)
    for wrong in ("bytes=0-99", "bytes=-100", "bytes=0-1,5-", "items=1-", "bytes=x-", f"bytes={row.size}-"):
        answer = at.get(path, Range=wrong)
        assert (answer.status_code, answer.json()["error"]) == (416, "bad-range")
    assert answer.headers["content-range"] == f"bytes */{row.size}"
    assert at.entries("file-fetched") == []
    answer = at.get(path, Range="bytes=10-")
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes 10-{row.size - 1}/{row.size}"
    assert len(answer.content) == row.size - 10


def test_another_fetch_at_the_same_time_is_refused_and_one_that_hung_up_is_gone_on_with(
    at: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "PIECE", 50)
    id, path = at.made()
    row = at.row(id)
    first = threading.Event()
    going = threading.Event()
    pieces = fetching.Fetch.pieces

    def slowly(self):
        for number, piece in enumerate(pieces(self)):
            yield piece
            if number == 0:
                first.set()
                assert going.wait(20)

    noticed = threading.Event()
    waiting = routes._gone

    async def gone(receive) -> None:
        await waiting(receive)
        noticed.set()

    monkeypatch.setattr(routes, "_gone", gone)
    monkeypatch.setattr(fetching.Fetch, "pieces", slowly)
    with socket.create_connection(at.url.removeprefix("http://").split(":")) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {at.secrets[FIRM]}\r\n\r\n"
        connection.sendall(request.encode())
        assert first.wait(20)
        second = at.get(path)
        assert (second.status_code, second.json()["error"]) == (409, "being-fetched")
        assert int(second.headers["retry-after"]) > 0
    assert noticed.wait(20)
    going.set()
    monkeypatch.setattr(fetching.Fetch, "pieces", pieces)
    deadline = threading.Event()
    for _ in range(100):
        answer = at.get(path)
        if answer.status_code != 409:
            break
        deadline.wait(0.05)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == row.sha256
    assert len(at.entries("file-fetched")) == 1


def test_what_has_expired_is_gone_and_what_may_not_leave_is_stopped(at: Served) -> None:
    id, path = at.made()
    register = Register(at.log.store, FLAGSHIP)
    ends = NOW + timedelta(days=1)
    register.add(FIRM, Terminated(contract="c1", on=ends, owed="delete", due=ends), by="mary")
    at.clock.now = NOW + timedelta(days=1)
    answer = at.get(path)
    assert (answer.status_code, answer.json()["error"]) == (410, "stopped")
    assert at.entries("file-fetched") == []
    assert at.row(id).state == "stopped"


def test_while_it_is_made_anew_it_says_when_to_come_again(at: Served) -> None:
    id, path = at.made()
    at.people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="one-click")
    answer = at.get(path)
    assert (answer.status_code, answer.json()["error"]) == (503, "being-made")
    assert int(answer.headers["retry-after"]) > 0
    at.files.make_next()
    plain = pyrage.decrypt(at.get(path).content, [at.identity])
    assert b"bob@" in plain
    assert b"ann@" not in plain
    assert at.row(id).state == "fetched"


# --- signatures -------------------------------------------------------------------------------------------------------


def signed(secret: str, path: str, at: datetime = NOW, id: str = "req_1") -> dict[str, str]:
    """The headers that a recipient makes with any library of Standard Webhooks."""
    token = path.rpartition("/")[2]
    signature = standardwebhooks.Webhook(secret).sign(id, at, token)
    return {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def test_the_signature_of_the_endpoint_will_do_too(at: Served) -> None:
    _, secret = at.endpoints.add(FIRM, "https://firm.example/hook", by="mary")
    _, theirs = at.endpoints.add(OTHER, "https://mail.example/hook", by="mary")
    _, path = at.made()
    for headers in (
        signed(theirs, path),
        signed(secret, path[:-1] + ("A" if path[-1] != "A" else "B")),
        signed(secret, path, NOW - timedelta(minutes=6)),
        signed(secret, path, NOW + timedelta(minutes=6)),
        signed(secret, path) | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        signed(secret, path) | {"webhook-id": "req_2"},
        signed(secret, path) | {"webhook-id": "req.1"},
        signed(secret, path) | {"Authorization": "Bearer x"},
    ):
        assert at.get(path, None, **headers).status_code == 401
    assert at.get(path, None, **signed(secret, path)).status_code == 200


def test_a_recipient_with_a_key_of_its_own_signs_with_that(at: Served) -> None:
    key = Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()
    _, secret = at.endpoints.add(FIRM, "https://firm.example/hook", by="mary", ack_key=public)
    _, path = at.made()
    assert at.get(path, None, **signed(secret, path)).status_code == 401, "Troth knows that secret too"
    stamp = str(int(NOW.timestamp()))
    signature = base64.b64encode(key.sign(signed_content("req_1", stamp, path.rpartition("/")[2]))).decode()
    headers = {"webhook-id": "req_1", "webhook-timestamp": stamp, "webhook-signature": f"v1a,{signature}"}
    assert at.get(path, None, **headers).status_code == 200


def test_the_recipient_acknowledges_what_it_fetched(at: Served) -> None:
    _, path = at.made()
    assert "troth-delivery" not in at.get(path).headers, "without an endpoint nothing could verify it"
    _, secret = at.endpoints.add(FIRM, "https://firm.example/hook", by="mary")
    id, path = at.made("eve")
    answer = at.get(path)
    delivery, digest = answer.headers["troth-delivery"], hashlib.sha256(answer.content).hexdigest()
    raw = base64.b64decode(secret.removeprefix("whsec_"))

    def acknowledge(digest: str, key: bytes) -> int:
        content = f"troth-acknowledgement\n{delivery}\n{digest}".encode()
        signature = f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"
        said = {"acknowledged": delivery, "digest": digest, "signature": signature}
        return httpx.post(f"{at.url}/v1/acknowledgements", json=said, trust_env=False).status_code

    assert acknowledge(digest, b"x" * 32) != 200
    assert acknowledge("0" * 64, raw) != 200
    assert at.entries("acknowledged") == []
    assert acknowledge(digest, raw) == 200
    assert acknowledge(digest, raw) == 200
    (entry,) = at.entries("acknowledged")
    assert (entry["delivery"], entry["recipient"], entry["digest"]) == (delivery, FIRM, at.row(id).sha256)


def test_an_acknowledgement_that_does_not_come_is_late(at: Served) -> None:
    at.endpoints.add(FIRM, "https://firm.example/hook", by="mary")
    _, path = at.made()
    delivery = at.get(path).headers["troth-delivery"]
    deliveries = Deliveries(at.log.store)
    assert [one.id for one in deliveries.overdue()] == []
    at.clock.now += timedelta(days=4)
    assert [one.id for one in deliveries.overdue()] == [delivery]


# --- while the server runs --------------------------------------------------------------------------------------------


def test_the_running_server_makes_files_and_deletes_them(at: Served, tmp_path: Path) -> None:
    live = LiveApp(at.log, FLAGSHIP, lambda policy: at.app, people=at.people)
    wanted = Wanted(recipient=FIRM, purpose="marketing.own", data=DATA, product="gototraining", channel="file")
    at.made()
    shared = at.app.sharing.share(wanted, [Identifier("email", "bob@example.org")])
    live._make_files()
    live._making.join(30)
    row = at.row(shared.id)
    assert row.state == "ready"
    assert row.name.endswith(".age")
    at.clock.now += timedelta(days=8)
    live._make_files()
    assert list((tmp_path / "files").iterdir()) == []
    assert at.row(shared.id).state == "expired"
