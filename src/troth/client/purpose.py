"""Running for a purpose: a block or a function that reads personal data for one purpose and for no other.

While it runs, its purpose is the one that counts. Data is then read for that purpose alone, whichever way: the reader
of another purpose, and `Client.use` for another, are `NotAllowed`. An inner block counts before the outer one, and
after it the outer one counts again. The purpose goes along into tasks and `asyncio.to_thread`, as context variables do
(PEP 567).
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from troth.client.errors import NotAllowed, Refused
from troth.client.values import Json, Used

P = ParamSpec("P")
R = TypeVar("R")
_current: contextvars.ContextVar[Purpose | None] = contextvars.ContextVar("troth_purpose", default=None)


class Uses(Protocol):
    """Whatever releases data for a purpose."""

    def use(self, purpose: str, data: Iterable[str], persons: Iterable[str], *, product: str | None = None) -> Used:
        """Values that are allowed, and the reasons for the rest."""


def check_purpose(purpose: str) -> None:
    """Hold a purpose against the one that counts here. NotAllowed: it is another."""
    current = _current.get()
    if current is not None and current.name != purpose:
        text = f"This runs for '{current.name}', so nothing is read for '{purpose}'."
        raise NotAllowed("purpose", text, field="purpose")


class Purpose:
    """One run for one purpose: `with client.purpose(…) as data:` or `async with`. `data` limits what may be read."""

    def __init__(
        self, client: Uses, name: str, *, product: str | None = None, data: Iterable[str] | None = None
    ) -> None:
        if isinstance(data, str):
            raise TypeError("`data` is a list of data terms, and not one text.")
        self.name = name
        self.product = product
        self.data = None if data is None else tuple(data)
        self.open = False
        self._client = client
        self._token: contextvars.Token[Purpose | None] | None = None

    def __enter__(self) -> Reader:
        self._begin()
        return Reader(self, self._client)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    async def __aenter__(self) -> AsyncReader:
        return AsyncReader(self.__enter__())

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def check(self, terms: Iterable[str]) -> None:
        """Hold what is to be read against this purpose. NotAllowed: it is over, another counts, or it is other data."""
        if not self.open:
            raise NotAllowed("purpose", f"What ran for '{self.name}' is over, and so is its reader.", field="purpose")
        current = _current.get()
        if current is not None and current is not self:
            text = f"This runs for '{current.name}' now, and the reader is of '{self.name}'."
            raise NotAllowed("purpose", text, field="purpose")
        for term in terms:
            if self.data is not None and not any(term == one or term.startswith(f"{one}.") for one in self.data):
                text = f"What runs for '{self.name}' here reads {', '.join(self.data) or 'nothing'}, and not '{term}'."
                raise NotAllowed("purpose", text, field=term)

    def _begin(self) -> None:
        if self._token is not None:
            raise RuntimeError("A purpose is for one run. Make another with `client.purpose(…)`.")
        self._token = _current.set(self)
        self.open = True

    def _end(self) -> None:
        self.open = False
        if self._token is not None:
            _current.reset(self._token)


class Reader:
    """Reads data for the purpose that it is bound to, until that is over.

    `duties` are those of everything that it read: an allowance holds only along with them.
    """

    def __init__(self, purpose: Purpose, client: Uses) -> None:
        self._purpose = purpose
        self._client = client
        self._duties: dict[str, None] = {}

    @property
    def duties(self) -> tuple[str, ...]:
        """What must be done along with what was read."""
        return tuple(self._duties)

    def get(self, person: str, data: str) -> Json:
        """The value of one data term. Refused: it is not released, and why. Raises what `use` raises."""
        (one,) = self.use([person], [data]).persons
        if data in one.values:
            return one.values[data]
        name = self._purpose.name
        for refusal in one.refused:
            text = f"'{refusal.data}' is not released for '{name}'."
            raise Refused(
                refusal.reason, text, field=refusal.data, statement=refusal.statement, sentence=refusal.sentence
            )
        raise Refused("nothing-held", f"Nothing is held under '{data}' itself.", field=data)

    def use(self, persons: Iterable[str], data: Iterable[str] | None = None) -> Used:
        """Values of several persons, without `data` of all terms that the purpose is limited to. TrothError."""
        if data is None and self._purpose.data is None:
            raise TypeError("Say which data: this purpose is not limited to any.")
        terms = tuple(self._purpose.data or () if data is None else data)
        self._purpose.check(terms)
        used = self._client.use(self._purpose.name, terms, persons, product=self._purpose.product)
        self._duties |= dict.fromkeys(used.duties)
        return used


class AsyncReader:
    """The same, to be awaited. The work is done in a thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def duties(self) -> tuple[str, ...]:
        """What must be done along with what was read."""
        return self._reader.duties

    async def get(self, person: str, data: str) -> Json:
        """As `Reader.get`."""
        return await asyncio.to_thread(self._reader.get, person, data)

    async def use(self, persons: Iterable[str], data: Iterable[str] | None = None) -> Used:
        """As `Reader.use`."""
        return await asyncio.to_thread(self._reader.use, persons, data)


class ForPurpose:
    """The decorator: a function gets the reader as its first argument, an `async` one the one that is awaited."""

    def __init__(self, make: Callable[[], Purpose]) -> None:
        self._make = make

    @overload
    def __call__(self, function: Callable[Concatenate[AsyncReader, P], Awaitable[R]]) -> Callable[P, Awaitable[R]]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Reader, P], R]) -> Callable[P, R]: ...

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, bound. TypeError: it is a generator, whose body would run when the purpose is over."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("A generator runs after it was called. Use `with client.purpose(…)` inside of it.")
        make = self._make
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*arguments: Any, **keywords: Any) -> Any:
                async with make() as reader:
                    return await function(reader, *arguments, **keywords)

            return _without_reader(awaited, function)

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> Any:
            with make() as reader:
                return function(reader, *arguments, **keywords)

        return _without_reader(called, function)


def _without_reader(wrapped: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Show the signature that callers see: frameworks fill in parameters by it."""
    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[1:]
    cast("Any", wrapped).__signature__ = signature.replace(parameters=rest)
    return wrapped
