"""How an address of the pages and of the gates becomes a route of Litestar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

Method = Literal["GET", "HEAD", "POST"]
Asked = Request[Any, Any, Any]


def route(
    path: str,
    methods: list[Method],
    answer: Callable[[Asked], Awaitable[Response[bytes]]],
    *,
    most: int | None = None,
    admit: Callable[[Asked], Awaitable[None]] | None = None,
) -> HTTPRouteHandler:
    """The route by which requests of these methods to a path get an answer.

    `most` is how many bytes a body may have where the application does not say it for all. `admit` raises for whoever
    may not come in, before there is an answer.
    """

    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        if admit is not None:
            await admit(request)
        return await answer(request)

    limit: dict[str, Any] = {} if most is None else {"request_max_body_size": most or None}
    # Litestar would answer a POST with 201, but nothing that has an address of its own is made here.
    made = HTTPRouteHandler(path=path, http_method=methods, status_code=200, include_in_schema=False, **limit)
    return made(handle)
