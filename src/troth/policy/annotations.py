"""What the fields of the model mean to the reading and to the JSON Schema, as reusable annotations.

`extra` keys: `names` is the kind of thing that each word of the field must name (checked once the whole file is read),
`several` allows one value or a list of them, `keyed` makes a mapping of ids a tuple in the order of the file,
`format` is checked word by word.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias, TypeVar

from msgspec import Meta

T = TypeVar("T")

Several: TypeAlias = Annotated[tuple[T, ...], Meta(extra={"several": True})]
Keyed: TypeAlias = Annotated[tuple[T, ...], Meta(extra={"keyed": True})]

Date: TypeAlias = Annotated[datetime, Meta(tz=True)]
Id: TypeAlias = Annotated[str, Meta(extra={"format": "id"}, pattern="^[a-z0-9][a-z0-9._-]*$")]
Country: TypeAlias = Annotated[
    str, Meta(extra={"format": "country"}, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
]
Language: TypeAlias = Annotated[str, Meta(extra={"format": "language"})]
Url: TypeAlias = Annotated[str, Meta(extra={"format": "url"})]
Email: TypeAlias = Annotated[str, Meta(extra={"format": "email"})]

DataTerms: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "data"})]
Purposes: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "purpose"})]
Recipients: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "recipient"})]
RecipientKind: TypeAlias = Annotated[str, Meta(extra={"names": "kind"})]
ChoiceIds: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "choice"})]
Conditions: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "condition"})]
Duties: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "duty"})]
Products: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "product"})]
Moments: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "moment"})]
Means: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "means"})]
Safeguards: TypeAlias = Annotated[tuple[str, ...], Meta(extra={"several": True, "names": "safeguard"})]
