"""A server for tests: the real one, in a thread, on a free port of loopback, stopped by itself."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import troth
from troth.policy.reading import parse_version
from troth.web.headers import App
from troth.web.server import listen, server, url_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"

SMALL = troth.Policy(
    [
        parse_version(text.encode(), f"{date}.yaml")
        for date, text in {
            "2014-01-01": """
policy: small
title: Small
effective: 2014-01-01
publisher: {name: Example, address: 1 Street}
covers: {shop: {name: Shop}, blog: {name: Blog}}
collects:
  orders: {says: We ask for your name to send orders., data: [identity.name, contact.email], for: service.register,
    when: registration}
choices:
  marketing: {says: You can say no., model: opt-out}
""",
            "2016-01-01": """
policy: small
title: Small
effective: 2016-01-01
publisher: {name: Example, address: 1 Street}
covers: {shop: {name: Shop}, blog: {name: Blog}}
recipients:
  carrier: {name: Carrier, kind: processor}
collects:
  orders: {says: We ask for your name to send orders., data: [identity.name, contact.email], for: service.register,
    when: registration}
uses:
  news: {says: We send you “news” unless you say no., data: contact.email, for: marketing.own, unless: marketing,
    must: offer-opt-out}
  study: {says: We study the blog if you say yes., data: usage, for: improve.analytics, only_if: research, where: blog}
shares:
  delivery: {says: A carrier gets your name under contract., data: identity.name, with: carrier, for: service,
    given: contract}
never:
  sale: {says: We never sell your data., do: [sell, trade, rent]}
choices:
  marketing: {says: You can say no., model: opt-out}
  research: {says: You can say yes., model: opt-in}
""",
        }.items()
    ]
)


@contextmanager
def running(app: App) -> Iterator[str]:
    """Serve an app; gives the URL."""
    listener = listen(port=0)
    ready = threading.Event()
    served = server(app, ready=ready.set)
    thread = threading.Thread(target=lambda: served.run(sockets=[listener]), daemon=True)
    thread.start()
    try:
        assert ready.wait(20)
        yield url_of(listener)
    finally:
        served.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive()


def exchange(url: str, request: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the server closes or falls silent."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def question(
    action="use", data="contact.email", purpose="marketing.own", held=None, person="4711", **context
) -> dict[str, object]:
    """A request in the shape of docs/reference/authzen.md; what is None is left out."""
    context = {name: value for name, value in context.items() if value is not None}
    held = {name: value for name, value in (held or {}).items() if value is not None}
    return {
        "subject": {"type": "service", "id": "mailer"},
        "action": {"name": action} | ({"properties": {"purpose": purpose}} if purpose else {}),
        "resource": {"type": data, "id": person} | ({"properties": held} if held else {}),
    } | ({"context": context} if context else {})
