"""What the middleware of ASGI and of WSGI have in common: which form a request is, and what becomes of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from troth.client.answers import Answer, answer_to, status_of
from troth.client.bodies import BadFormError, read_body
from troth.client.client import Client
from troth.client.errors import TrothError
from troth.client.forms import FROM_COOKIE, Form, Request
from troth.client.values import Browser, Collected

log = logging.getLogger("troth.client")
_COOKIE = re.compile(r"(?:^|;[ \t]*)troth=([!-:<-~]*)")
# The headers that are looked at, in lower case.
HEADERS = ("accept", "content-encoding", "content-type", "cookie", "host", "origin", "sec-fetch-site")
AnswerTo = Callable[[Form, TrothError], Answer | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a form: what was collected, or why nothing was. It is true where something was."""

    collected: Collected | None = None
    error: TrothError | None = None

    def __bool__(self) -> bool:
        return self.collected is not None


class Collecting:
    """The forms of an application. `answer` may answer for it; where it gives None, the application goes on itself."""

    def __init__(self, client: Client, forms: Mapping[str, Form], answer: AnswerTo | None = None) -> None:
        self._client = client
        self._forms = {_plain(path): form for path, form in forms.items()}
        self._answer = answer

    def form(self, method: str, path: str) -> Form | None:
        """The form of a request. A slash more or less is the same path here, so that no spelling goes past."""
        form = self._forms.get(_plain(path))
        return form if form is not None and method in form.methods else None

    def collect(self, form: Form, body: bytes | BadFormError, headers: Mapping[str, str], request: Request) -> Outcome:
        """What becomes of a body that came in, or of one that could not be read."""
        try:
            if isinstance(body, BadFormError):
                raise body
            return Outcome(collected=self._collect(form, body, headers, request))
        except TrothError as error:
            if status_of(error) >= 500:
                log.warning("Nothing was collected under '%s': %s", form.statement, error)
            return Outcome(error=error)

    def _collect(self, form: Form, body: bytes, headers: Mapping[str, str], request: Request) -> Collected:
        if not form.cross_site and _from_elsewhere(headers):
            raise BadFormError(403, "other-site", "This form was sent from a page of another site.")
        if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise BadFormError(415, "unsupported", "A compressed form is not taken.")
        fields = read_body(headers.get("content-type", ""), body)
        return self._client.collect(
            form.statement,
            form.values(fields),
            person=form.whose(fields, request),
            product=form.product,
            moment=form.moment,
            browser=_browser(headers) if form.person == FROM_COOKIE else None,
        )

    def answer(self, form: Form, outcome: Outcome, headers: Mapping[str, str]) -> Answer | None:
        """The answer to a form that was not taken; None where the application goes on."""
        if outcome.error is None or form.optional:
            return None
        if self._answer is not None:
            return self._answer(form, outcome.error)
        return answer_to(outcome.error, headers.get("accept", ""))


def too_large(form: Form) -> BadFormError:
    """The error for a body that is larger than a form takes."""
    return BadFormError(413, "too-large", f"The form is larger than {form.most_bytes} bytes.")


def _plain(path: str) -> str:
    return "/" + re.sub(r"/+", "/", path).strip("/")


def _from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site made the browser send it (Fetch Metadata, else the `Origin` of RFC 6454)."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _browser(headers: Mapping[str, str]) -> Browser:
    origin, match = headers.get("origin"), _COOKIE.search(headers.get("cookie", ""))
    if origin is None:
        raise BadFormError(403, "other-site", "The browser does not say which page this form was sent from.")
    return Browser(origin, match[1] if match else None)
