"""`GET /v1/why/<statement>`: the sentence that covers a collection, to be shown at the form that collects."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from markupsafe import Markup

from troth.notice import words
from troth.policy.model import Collects, Version
from troth.web.negotiation import best_media_type
from troth.web.v1.desk import GateDesk, answer

KEPT = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*", "Vary": "Accept"}


class Why:
    """The route."""

    def __init__(self, desk: GateDesk) -> None:
        self._desk = desk

    async def get(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """JSON, or a piece of HTML that a server puts beside its form."""
        statement = self._desk.statement(request.path_params["statement"])
        version = self._desk.version()
        language = request.query_params.get("lang", version.language)
        told = why(version, statement, language)
        if best_media_type(request.headers.get("accept"), ("application/json", "text/html")) == "text/html":
            return Response(piece(told).encode(), media_type="text/html", headers=KEPT)
        return answer(told, headers=KEPT)


def why(version: Version, statement: Collects, language: str) -> dict[str, Any]:
    """What a form says of what it asks for: the sentence, data and purposes in words, what is required, how long."""

    def label(kind: str, term: str) -> str:
        return version.vocabulary.label(kind, term)

    return {
        "statement": statement.id,
        "version": version.id,
        "sentence": statement.says.in_(language),
        "details": statement.details.in_(language) if statement.details else "",
        "data": [label("data", term) for term in statement.data],
        "purposes": [label("purpose", term) for term in statement.purposes],
        "required": statement.required,
        "otherwise": statement.otherwise.in_(language) if statement.otherwise else "",
        "kept": words.capital(words.period(statement.keeps)) if statement.keeps else "",
        "choices": [*statement.unless, *statement.only_if],
        "page": f"/policy/s/{statement.id}",
    }


def piece(told: dict[str, Any]) -> str:
    """The same as HTML, folded, to stand at a form."""
    rows = [("Used for", ", ".join(told["purposes"])), ("Kept", told["kept"]), ("If you do not", told["otherwise"])]
    listed = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, value) for name, value in rows if value)
    return str(
        Markup('<details class="troth-why"><summary>Why we ask</summary><p>{}</p><dl>{}</dl></details>\n').format(
            told["sentence"], listed
        )
    )
