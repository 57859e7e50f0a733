"""A server with the flagship, its people and service keys, for tests of who may ask what."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from running import EXAMPLE, running

import troth
from troth.gates.scope import ALL, Scope
from troth.people import open_people
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.store import open_store
from troth.web.app import make_app
from troth.web.choices.mail import FolderPost

FLAGSHIP = troth.Policy.read(EXAMPLE)
NEWS = Scope(("use",), ("marketing.own",), ("contact",), ("gototraining",))
EVERYTHING = Scope((ALL,), (ALL,), (ALL,), (ALL,), (ALL,))
SEARCHED = {
    "subject": {"type": "person"},
    "action": {"name": "use", "properties": {"purpose": "marketing.own"}},
    "resource": {"type": "contact.email"},
    "context": {"product": "gototraining"},
}


@contextmanager
def opened(folder: Path) -> Iterator[Log]:
    """A log with its store in a folder. The disk is not waited for: nothing here is about power cuts."""
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, pragmas={"synchronous": "OFF"}) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        log.sign()
        yield log


@contextmanager
def served(log: Log, folder: Path, **more: object) -> Iterator[httpx.Client]:
    """A client of the running server; `app` and `people` are what is behind it."""
    people = open_people(log.store, folder / "keys", FLAGSHIP)
    app = make_app(FLAGSHIP, log=log, people=people, post=FolderPost(folder / "mail"), **more)
    try:
        with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
            client.app, client.people = app, people
            yield client
    finally:
        app.close()


def bearer(secret: str) -> dict[str, str]:
    """The header with which a service shows its key."""
    return {"Authorization": f"Bearer {secret}"}
