"""A form of an application: where what people write into it goes, in the terms of the policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from troth.client.bodies import BadFormError, field_of
from troth.client.secrets import check_secret, is_secret
from troth.client.values import Json

FROM_COOKIE = "cookie"
_NAMED = re.compile(r"(email|account|cookie):\{([^{}]+)\}")

Request = Mapping[str, Any]  # the `scope` of ASGI, the `environ` of WSGI
Person = str | Callable[[Request], str | None] | None


@dataclass(frozen=True)
class Form:
    """A form, by the statement that it collects under.

    `fields` leads from the names in the form to data terms; what it does not name is not sent. `transform` makes of a
    field what is sent of it; a password or a card needs one, and is never sent as it was written. `person` says whose
    it is: `"account:{login}"` takes a field of the form, a function is given the `scope` or `environ`, `"cookie"` lets
    the person's own browser be the one that sends, and without it the e-mail address among the fields says so.

    `optional`: the application goes on when nothing was collected. `cross_site`: pages of other sites may send it.
    ValueError: it cannot be meant.
    """

    statement: str
    _: KW_ONLY
    fields: Mapping[str, str]
    product: str | None = None
    moment: str | None = None
    person: Person = None
    transform: Mapping[str, Callable[[Any], Json]] = field(default_factory=dict)
    optional: bool = False
    cross_site: bool = False
    methods: tuple[str, ...] = ("POST",)
    most_bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError("A form without fields collects nothing.")
        if len(set(self.fields.values())) < len(self.fields):
            raise ValueError("Two fields of the form are the same data.")
        if strange := set(self.transform) - set(self.fields):
            raise ValueError(
                f"`transform` is for fields of the form, and these are none: {', '.join(sorted(strange))}."
            )
        for name, term in self.fields.items():
            if is_secret(term) and name not in self.transform:
                raise ValueError(
                    f"'{name}' is {term}, which is never sent as it was written. Say what is: the hash of a password, "
                    f"the processor's token of a card, with `transform={{'{name}': …}}`."
                )
        if isinstance(self.person, str) and self.person != FROM_COOKIE and not _NAMED.fullmatch(self.person):
            raise ValueError(
                "`person` is like 'account:{login}', with the name of a field, or 'cookie', or a function."
            )

    def values(self, body: dict[str, Json]) -> dict[str, Json]:
        """What is sent: values by data term. Refused: a password or a card would be sent as it was written."""
        found: dict[str, Json] = {}
        for name, term in self.fields.items():
            value = field_of(body, name)
            if value is None:
                continue
            if value != "" and name in self.transform:
                made = self.transform[name](value)
                if is_secret(term):
                    check_secret(term, value, made)
                value = made
            found[term] = value
        return found

    def whose(self, body: dict[str, Json], request: Request) -> str | None:
        """Whose it is. BadFormError: the field that should say so does not."""
        if callable(self.person):
            return self.person(request)
        if self.person is None or self.person == FROM_COOKIE:
            return None
        kind, name = self.person[:-1].split(":{", 1)
        value = field_of(body, name)
        if not isinstance(value, str) or not value.strip():
            raise BadFormError(422, "whose", f"'{name}' says whose it is, and it is empty.")
        return f"{kind}:{value}"
