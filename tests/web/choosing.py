"""The flagship served with its record and its people, for tests of the pages on which people choose."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
from running import EXAMPLE, running

import troth
from troth.people import Identifier, People, open_people
from troth.people.passes import Passes
from troth.policy.history import Policy
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.store import open_store
from troth.vault import Vault, open_vault
from troth.web.app import WebApp, make_app
from troth.web.choices.mail import FolderPost
from troth.web.demonstration import Demonstration
from troth.web.headers import App
from troth.web.mail.desk import MailPlace

FLAGSHIP = troth.Policy.read(EXAMPLE)
ANN = Identifier("email", "ann@example.org")
SITE = "http://gotomeeting.localhost"


class Clock:
    """A clock that moves when a test moves it."""

    def __init__(self, now: datetime = datetime(2026, 5, 1, 10, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Choosing(msgspec.Struct):
    """A running server and what is behind it.

    `pages` are more pages of the covered site, by path: the HTML, and a Content-Security-Policy or nothing.
    """

    url: str
    people: People
    log: Log
    passes: Passes
    clock: Clock
    folder: Path
    app: WebApp
    pages: dict[str, tuple[str, str]]
    vault: Vault

    def client(self, **more: object) -> httpx.Client:
        """A client that follows nothing."""
        return httpx.Client(base_url=self.url, follow_redirects=False, trust_env=False, **more)  # type: ignore[arg-type]

    def mails(self) -> list[str]:
        """What was mailed, in order."""
        return [file.read_text() for file in sorted((self.folder / "mail").glob("*.eml"))]

    def code(self) -> str:
        """The code in the latest mail."""
        found = re.search(r"code is (\d{4} \d{4})", self.mails()[-1])
        assert found is not None
        return found[1]

    @property
    def covered(self) -> str:
        """The address of a covered site that the example serves."""
        return f"{SITE}:{self.url.rpartition(':')[2]}"


@contextmanager
def choosing(
    folder: Path, policy: Policy = FLAGSHIP, clock: Clock | None = None, mail: MailPlace | None = None
) -> Iterator[Choosing]:
    """Serve a policy with its people from a store in a folder, and the example of a covered site beside it."""
    clock = clock or Clock()
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        log.sign()
        people = open_people(store, folder / "keys", policy)
        vault = open_vault(store, people)
        post = FolderPost(folder / "mail")
        app = make_app(policy, clock=clock, log=log, people=people, post=post, vault=vault, mail=mail)
        pages: dict[str, tuple[str, str]] = {}
        try:
            with running(served(app, people, pages)) as url:
                yield Choosing(url, people, log, Passes(people.key), clock, folder, app, pages, vault)
        finally:
            app.close()


def served(app: WebApp, people: People, pages: dict[str, tuple[str, str]]) -> App:
    """The app with the example site before it, which learns from each request where the app is."""

    async def serve(scope, receive, send) -> None:
        if scope["type"] == "http" and scope["path"] in pages:
            body, policy = pages[scope["path"]]
            headers = [(b"content-type", b"text/html; charset=utf-8")]
            headers += [(b"content-security-policy", policy.encode())] if policy else []
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body.encode()})
            return
        port = (scope.get("server") or ("", 0))[1]
        demonstration = Demonstration(app, people, EXAMPLE / "site", f"http://127.0.0.1:{port}", lambda: app.collecting)
        await demonstration(scope, receive, send)

    return serve
