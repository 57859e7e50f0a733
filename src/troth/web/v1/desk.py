"""What the routes of the gates share: the gates, who calls, and which browsers of covered sites may send."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response

from troth.accountability.answers import make_conditions
from troth.accountability.terms import Terms
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting
from troth.gates.delivery.queue import Queue
from troth.gates.following.following import Following
from troth.gates.services import ServiceKey
from troth.gates.share.share import Sharing
from troth.gates.tally import Tally
from troth.gates.use import Using
from troth.people import ChoiceIndex
from troth.people.browsers import COOKIE, Browser, Cookies
from troth.policy.model import Collects, Version
from troth.vault import Vault
from troth.web.choices.sites import covered_origin
from troth.web.services import Callers
from troth.web.v1.bodies import BadRequestError


class GateDesk:
    """The gates of one policy, and who may pass. What they decide is counted in `tally`."""

    def __init__(
        self,
        vault: Vault,
        point: DecisionPoint,
        index: ChoiceIndex,
        callers: Callers,
        terms: Terms | None = None,
        *,
        tally: Tally | None = None,
    ) -> None:
        self.tally = tally or Tally()
        self.vault = vault
        self.people = vault.people
        self.point = point
        self.callers = callers
        self.collecting = Collecting(vault, point, self.tally)
        self.using = Using(vault, point, index, self.tally)
        conditions = make_conditions(vault.store, point.policy, terms)
        queue = Queue(vault.store, vault.people)
        self.sharing = Sharing(vault, point, index, conditions, queue=queue, tally=self.tally)
        self.following = Following(vault, conditions.register, queue, self.sharing)
        self.cookies = Cookies(vault.people.key, point.policy)

    def version(self) -> Version:
        """The version in force. BadRequestError (404): there is none yet."""
        version = self.point.policy.in_force(self.people.store.clock())
        if version is None:
            raise BadRequestError("No version of the policy is in force yet.", status=404, code="no-policy-in-force")
        return version

    def statement(self, id: str) -> Collects:
        """The statement that something is collected under. BadRequestError (404): the policy in force has none such."""
        version = self.version()
        for statement in version.collects:
            if statement.id == id:
                return statement
        known = ", ".join(statement.id for statement in version.collects)
        text = f"The policy in force collects nothing under '{id[:100]}'. It collects: {known}."
        raise BadRequestError(text, status=404, code="unknown-statement")

    def browser(self, request: Request[Any, Any, Any], value: str | None = None) -> Browser | None:
        """The browser that a request comes from, by its signed cookie, or by the value that a page passed on."""
        return self.cookies.read(value or request.cookies.get(COOKIE))

    def from_covered_site(self, request: Request[Any, Any, Any], product: str | None) -> bool:
        """Whether a request comes from a page of the covered site that it names. BadRequestError (403): another's."""
        origin = request.headers.get("origin")
        if origin is None:
            return False
        covered = None if product is None else self.version().covered(product)
        if covered is None or not covered_origin(origin, covered):
            text = (
                f"'{origin[:200]}' is not the site of the product that the request names; the policy says where it is."
            )
            raise BadRequestError(text, status=403, code="other-site", field="product")
        return True

    def referred_by_covered_site(self, request: Request[Any, Any, Any], product: str | None) -> bool:
        """The same for a picture, for which browsers send no `Origin`: by the origin of its `Referer`."""
        parts = urlsplit(request.headers.get("referer", ""))
        covered = None if product is None else self.version().covered(product)
        origin = f"{parts.scheme}://{parts.netloc}"
        return covered is not None and bool(parts.netloc) and covered_origin(origin, covered)

    async def caller(self, request: Request[Any, Any, Any]) -> ServiceKey | None:
        """The service that calls; None where callers need no key. Raises what `Callers.caller` raises."""
        return await self.callers.caller(dict(request.scope))

    def check_scope(self, key: ServiceKey | None, **wanted: str | None) -> None:
        """Hold what is asked against the key of a service, dimension by dimension. BadRequestError: 403."""
        if key is None:
            return
        vocabulary = self.version().vocabulary
        for dimension, value in wanted.items():
            why = key.scope.lacks(vocabulary, dimension, value)
            if why is not None:
                raise BadRequestError(why, status=403, code="scope", field=dimension)


def answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A JSON response that nobody keeps."""
    body = msgspec.json.encode(value)
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body, status_code=status, media_type="application/json", headers=kept)
