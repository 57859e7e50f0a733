"""What goes wrong in this room. Each text says why, and what would do; nothing was changed."""

from __future__ import annotations


class AccountabilityError(ValueError):
    """What is asked for cannot be; nothing was changed."""


class StaffError(AccountabilityError):
    """Somebody of the staff is not known, may not do this, or what they signed does not hold."""


class CaseError(AccountabilityError):
    """A legal request or a transfer of the business does not allow this, or there is none of that id."""
