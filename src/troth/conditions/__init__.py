"""Conditions: what holds right now of the recipients of data, their contracts and the grounds of transfers.

It answers the `given` of statements; a caller's word for it is never taken.
"""

from troth.conditions.conditions import Condition, Conditions
from troth.conditions.facts import RecipientError
from troth.conditions.lacks import Lack, Sharing
from troth.conditions.register import Register
from troth.conditions.standing import RecipientStanding, standing

__all__ = [
    "Condition",
    "Conditions",
    "Lack",
    "RecipientError",
    "RecipientStanding",
    "Register",
    "Sharing",
    "standing",
]
