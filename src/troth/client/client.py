"""The client: collect, use, share and decide from an application, over HTTP, with the service key.

It needs nothing but Python. Every call answers, or raises one of four errors (`errors.py`); none of them is a yes.
"""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from troth.client.address import read_address
from troth.client.batches import LINES, batches, encode, read_lines, written
from troth.client.errors import TrothError, Unavailable
from troth.client.purpose import ForPurpose, Purpose, check_purpose
from troth.client.reading import (
    NonsenseError,
    error_of,
    nonsense,
    read_answer,
    read_collected,
    read_decision,
    read_used,
)
from troth.client.shared import Contents, Shared, read_contents, read_shared, sharing_body
from troth.client.transport import JSON, Request, Transport
from troth.client.values import Browser, Collected, Decision, Json, Submission, Used
from troth.client.why import Why, Whys, read_why

T = TypeVar("T")
_KEY = re.compile(r"[!-~]{1,512}")
_KEY_ID = re.compile(r"troth_([^_]+)_")


class Client:
    """A Troth, as an application sees it. Make one and share it: between threads, tasks and forked processes.

    `url` is where it is, `key` the service key, `timeout` the seconds that a whole call may take, retries included, and
    `product` the site or product that is meant where a call names none. `tls` verifies the server in another way than
    by the certificates that the system trusts. ValueError: the URL or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        product: str | None = None,
        plain_http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        address = read_address(url, plain_http=plain_http)
        if key is not None and not _KEY.fullmatch(key):
            raise ValueError("A service key is visible ASCII without spaces.")
        self.product = product
        self._site = url.rstrip("/")
        self._transport = Transport(address, timeout, tls)
        self._headers = {"Accept": JSON, "User-Agent": "troth-client"}
        self._authorization = {"Authorization": f"Bearer {key}"} if key else {}
        match = _KEY_ID.match(key or "")
        self._subject = {"type": "service", "id": match[1] if match else "client"}
        self._whys = Whys()

    def __repr__(self) -> str:
        return f"Client({self._site!r})"  # never the key

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are at rest."""
        self._transport.close()

    # --- collect ------------------------------------------------------------------------------------------------------

    def collect(
        self,
        statement: str,
        fields: Mapping[str, Json],
        *,
        person: str | None = None,
        product: str | None = None,
        moment: str | None = None,
        browser: Browser | None = None,
    ) -> Collected:
        """Store values by data term under a statement; what was stored and what was not, once it is durable.

        `person` is `email:…`, `account:…`, `cookie:…` or an id; without it the e-mail address among the fields says
        whose it is. `browser`: the person's own device sends it, without the service key. Refused: nothing of it was
        stored. Unavailable: the same, unless it is `unknown`. It is sent again only if it certainly was not done.
        """
        submission = Submission(
            statement=statement, fields=fields, person=person, product=product or self.product, moment=moment
        )
        headers = {"Content-Type": JSON, **self._headers, **self._authorization}
        if browser is not None:
            headers = {"Content-Type": JSON, **self._headers, **browser.headers()}
        request = Request("POST", _collect(statement), headers, encode(written(submission)))
        told = read_answer(self._transport.ask(request), changes=True)
        try:
            return read_collected(told)
        except NonsenseError as problem:
            raise nonsense(problem, unknown=True) from problem

    def collect_many(self, submissions: Iterable[Submission]) -> list[Collected | TrothError]:
        """Store many submissions; what became of each, in order. One does not fail for another.

        They are sent as NDJSON, in requests of at most 10,000. When one of those requests fails, its submissions and
        all later ones have the error, and the later ones were not sent.
        """
        outcomes: list[Collected | TrothError] = []
        failed: TrothError | None = None
        for batch in batches(submissions, self.product):
            if failed is not None:
                outcomes += [failed] * batch.count
                continue
            try:
                outcomes += self._collect_batch(batch.statement, batch.lines)
            except Unavailable as problem:
                outcomes += [problem] * batch.count
                failed = Unavailable("It was not sent, because Troth was away before.")
            except TrothError as problem:
                outcomes += [problem] * batch.count
        return outcomes

    def _collect_batch(self, statement: str, lines: Sequence[bytes | TrothError]) -> list[Collected | TrothError]:
        sent = [line for line in lines if isinstance(line, bytes)]
        found: Iterator[Collected | TrothError] = iter(())
        if sent:
            headers = {**self._headers, **self._authorization, "Content-Type": LINES, "Accept": f"{LINES}, {JSON}"}
            answer = self._transport.ask(Request("POST", _collect(statement), headers, b"\n".join(sent), whole=False))
            if answer.status != 200:
                raise error_of(answer, changes=True, whole=False)
            found = iter(read_lines(answer, len(sent)))
        return [next(found) if isinstance(line, bytes) else line for line in lines]

    # --- use ----------------------------------------------------------------------------------------------------------

    def use(self, purpose: str, data: Iterable[str], persons: Iterable[str], *, product: str | None = None) -> Used:
        """Values of persons for a purpose, in their order, and the reason for whatever is not released.

        At most 50 data terms of 10,000 persons. NotAllowed: the key does not cover it, or what runs here runs for
        another purpose.
        """
        if isinstance(persons, str):
            raise TypeError("`persons` is a list, and not one text.")
        asked = list(persons)
        return self._use(purpose, data, product, {"persons": [*asked]}, asked)

    def use_segment(
        self,
        purpose: str,
        data: Iterable[str],
        *,
        statement: str | None = None,
        collected_on: str | None = None,
        product: str | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Iterator[Used]:
        """The same of everybody of whom something is held, page by page of at most `limit` persons.

        `statement` takes those of whom something was collected under it, `collected_on` on that site or product;
        `after` goes on behind a person's id. The next page is asked for when the one before was taken.
        """
        terms = tuple(data)
        while True:
            segment: dict[str, Json] = {
                "statement": statement, "product": collected_on, "after": after, "limit": limit,
            }  # fmt: skip
            used = self._use(purpose, terms, product, {"segment": segment}, None)
            if used.next is not None and after is not None and used.next <= after:
                raise Unavailable("The answer of Troth cannot be read: its pages go round in a circle.")
            yield used
            if used.next is None:
                return
            after = used.next

    def _use(
        self, purpose: str, data: Iterable[str], product: str | None, whom: dict[str, Json], asked: list[str] | None
    ) -> Used:
        check_purpose(purpose)
        if isinstance(data, str):
            raise TypeError("`data` is a list of data terms, and not one text.")
        terms: list[Json] = [*data]
        body: dict[str, Json] = {"purpose": purpose, "data": terms, **whom}
        if product or self.product:
            body["product"] = product or self.product
        told = self._post("/v1/use", body)
        try:
            return read_used(told, asked)
        except NonsenseError as problem:
            raise nonsense(problem) from problem

    def purpose(self, purpose: str, *, product: str | None = None, data: Iterable[str] | None = None) -> Purpose:
        """A run for one purpose: `with client.purpose("service.payment") as data: data.get(person, "payment.card")`."""
        return Purpose(self, purpose, product=product, data=data)

    def for_purpose(self, purpose: str, *, product: str | None = None, data: Iterable[str] | None = None) -> ForPurpose:
        """Make a function run for one purpose. It gets the reader as its first argument; callers leave that out."""
        limited = None if data is None else tuple(data)
        return ForPurpose(partial(self.purpose, purpose, product=product, data=limited))

    # --- share --------------------------------------------------------------------------------------------------------

    def share(
        self,
        recipient: str,
        purpose: str,
        data: Iterable[str],
        persons: Iterable[str],
        *,
        product: str | None = None,
        channel: str = "webhook",
        format: str | None = None,
        consideration: str | None = None,
        identified: bool = False,
        key: str | None = None,
    ) -> Shared:
        """Give data of persons to a recipient; how far that came, once it is durable.

        More than 500 persons are a job: see `shared`. The same `key` with the same request is done once; without one
        the call makes its own, so that it may be sent again when no answer came. Refused: nothing of it is shared with
        the recipient, whoever it is about.
        """
        if isinstance(persons, str):
            raise TypeError("`persons` is a list, and not one text.")
        more: dict[str, Json | None] = {
            "product": product or self.product, "channel": channel, "format": format, "consideration": consideration,
            "identified": identified or None, "key": key,
        }  # fmt: skip
        return self._share(recipient, purpose, data, {"persons": [*persons]}, more)

    def share_segment(
        self,
        recipient: str,
        purpose: str,
        data: Iterable[str],
        *,
        statement: str | None = None,
        collected_on: str | None = None,
        product: str | None = None,
        channel: str = "webhook",
        format: str | None = None,
        identified: bool = False,
        key: str | None = None,
    ) -> Shared:
        """The same of everybody of whom something is held, was collected under `statement`, or on a product: a job."""
        more: dict[str, Json | None] = {
            "product": product or self.product, "channel": channel, "format": format,
            "identified": identified or None, "key": key,
        }  # fmt: skip
        segment: dict[str, Json] = {"statement": statement, "product": collected_on}
        return self._share(recipient, purpose, data, {"segment": segment}, more)

    def shared(self, id: str) -> Shared:
        """How far a disclosure came that this service asked for."""
        headers = {**self._headers, **self._authorization}
        request = Request("GET", f"/v1/share/{quote(id, safe='')}", headers, repeatable=True)
        return _read(read_answer(self._transport.ask(request)), read_shared)

    def contents(self, id: str, batch: int = 1) -> Contents:
        """The values of one batch of a disclosure by the channel `answer`, to be carried to the recipient now."""
        return _read(self._post(f"/v1/share/{quote(id, safe='')}", {"batch": batch}), read_contents)

    def _share(
        self,
        recipient: str,
        purpose: str,
        data: Iterable[str],
        whom: dict[str, Json],
        more: dict[str, Json | None],
    ) -> Shared:
        check_purpose(purpose)
        more["key"] = more["key"] or secrets.token_hex(16)
        return _read(self._post("/v1/share", sharing_body(recipient, purpose, data, whom, more)), read_shared)

    # --- decide and explain -------------------------------------------------------------------------------------------

    def decide(
        self,
        action: str,
        data: str,
        purpose: str | None,
        person: str,
        *,
        recipient: str | None = None,
        product: str | None = None,
        moment: str | None = None,
        choices: Mapping[str, str] | None = None,
        given: Iterable[str] = (),
        at: datetime | None = None,
    ) -> Decision:
        """Whether something may happen (OpenID AuthZEN 1.0), with the sentence that says so. False where it may not.

        `choices` that the application just heard can refuse for the person and never agree. `at` needs a zone.
        """
        context: dict[str, Any] = {
            "recipient": recipient,
            "product": product or self.product,
            "moment": moment,
            "choices": None if choices is None else dict(choices),
            "given": list(given) or None,
            "at": None if at is None else at.isoformat(),
        }
        body: dict[str, Any] = {
            "subject": self._subject,
            "action": {"name": action} | ({"properties": {"purpose": purpose}} if purpose else {}),
            "resource": {"type": data, "id": person},
            "context": {name: value for name, value in context.items() if value is not None},
        }
        told = self._post("/access/v1/evaluation", body)
        try:
            return read_decision(told)
        except NonsenseError as problem:
            raise nonsense(problem) from problem

    def why(self, statement: str, *, product: str | None = None, language: str | None = None) -> Why:
        """Why a statement collects: its sentence for the form, kept for five minutes. `.html()` gives it for a page."""
        asked = {"product": product or self.product, "lang": language}
        query = urlencode({name: value for name, value in asked.items() if value})
        path = f"/v1/why/{quote(statement, safe='')}" + (f"?{query}" if query else "")
        return self._whys.get(path, lambda: self._why(path))

    def _why(self, path: str) -> Why:
        told = read_answer(
            self._transport.ask(Request("GET", path, {**self._headers, **self._authorization}, repeatable=True))
        )
        try:
            return read_why(told, self._site)
        except NonsenseError as problem:
            raise nonsense(problem) from problem

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A question: asking it twice changes nothing."""
        headers = {**self._headers, **self._authorization, "Content-Type": JSON}
        return read_answer(self._transport.ask(Request("POST", path, headers, encode(body), repeatable=True)))


def _read(told: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
    try:
        return read(told)
    except NonsenseError as problem:
        raise nonsense(problem) from problem


def _collect(statement: str) -> str:
    return f"/v1/collect/{quote(statement, safe='')}"
