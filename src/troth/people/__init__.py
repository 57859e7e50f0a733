"""People and their choices: who is meant by an identifier, what they chose, and proof of it.

Identifiers are stored only as keyed blind indexes; every change of a choice has its entry in the record.
"""

from troth.people.changes import Change, Current
from troth.people.errors import PeopleError
from troth.people.identifiers import Identifier
from troth.people.index import ChoiceIndex
from troth.people.people import Linked, People, open_people

__all__ = ["Change", "ChoiceIndex", "Current", "Identifier", "Linked", "People", "PeopleError", "open_people"]
