"""The kinds of entries in the record, by what they are about. This is the one place where a kind is declared.

A field is stated in the clear only if it can never be about a person; everything else is a commitment. A kind never
changes: what has to say more is a kind of its own.
"""

from troth.record.declared.answering import ANSWERING
from troth.record.declared.mail import MAIL
from troth.record.declared.people import PEOPLE
from troth.record.declared.shape import Field, Kind
from troth.record.declared.sharing import SHARING

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*PEOPLE, *SHARING, *MAIL, *ANSWERING)}

__all__ = ["KINDS", "Field", "Kind"]
