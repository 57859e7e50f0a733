"""The real server with the flagship, its people and its vault, for tests of the client against it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import troth
from troth.gates.scope import Scope
from troth.gates.services import ServiceKeys
from troth.people import People, open_people
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.store import open_store
from troth.vault import Vault, open_vault
from troth.web.app import make_app
from troth.web.choices.mail import FolderPost
from troth.web.server import listen, server, url_of

POLICY = troth.Policy.read(Path(__file__).parents[2] / "examples" / "citrix-online")
EVERYTHING = Scope(actions=("*",), purposes=("*",), data=("*",), products=("*",), statements=("*",))


@dataclass
class Real:
    """A running server, and what is behind it. `key` is that of a service which may ask for everything."""

    url: str
    key: str
    keys: ServiceKeys
    people: People
    vault: Vault

    def held(self) -> list[tuple[str, object]]:
        """Everything that is kept, by data term."""
        opener = self.vault.opener()
        terms = dict.fromkeys(t for version in POLICY.versions for t in version.vocabulary.slugs("data"))
        return [(item.data, opener.open(item)) for item in self.vault.read(None, terms)]


@contextmanager
def serving(folder: Path) -> Iterator[Real]:
    # The disk is not waited for: nothing here is about power cuts.
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, pragmas={"synchronous": "OFF"}) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        people = open_people(store, folder / "keys", POLICY)
        vault = open_vault(store, people)
        keys = ServiceKeys(store)
        _, secret = keys.create("everything", EVERYTHING, by="test")
        app = make_app(POLICY, log=log, people=people, post=FolderPost(folder / "mail"), vault=vault)
        listener = listen(port=0)
        ready = threading.Event()
        served = server(app, ready=ready.set)
        thread = threading.Thread(target=lambda: served.run(sockets=[listener]), daemon=True)
        thread.start()
        try:
            assert ready.wait(20)
            yield Real(url_of(listener), secret, keys, people, vault)
        finally:
            served.should_exit = True
            thread.join(20)
            listener.close()
            app.close()
