"""What can go wrong with people and their choices, each with what to do about it."""

from __future__ import annotations


class PeopleError(Exception):
    """The room refuses; the text says why and what to do. `retryable`: the same request may pass later."""

    retryable = False


class IdentifierError(PeopleError):
    """An identifier that cannot be one of its kind."""


class UnknownFormError(IdentifierError):
    """A text that names nobody: it is neither the id of a person nor an identifier with its kind before it."""


class ChoiceError(PeopleError):
    """A choice, state, product, version or way of choosing that the policy or Troth does not know."""


class UnknownPersonError(PeopleError):
    """There is no person with that id, or the person was erased."""


class UnknownPassError(PeopleError):
    """A link that this Troth did not make, or that was changed on its way."""


class ExpiredPassError(PeopleError):
    """A link that worked once and is too old now."""


class OtherRequestError(PeopleError):
    """The same key came before with another request; nothing was changed."""


class MissingIndexKeyError(PeopleError):
    """The key under which identifiers are stored is not where it should be."""


class UnsafeIndexKeyError(PeopleError):
    """The key can be read by others than its owner, or is not the key of this database."""


class OtherWrappingError(PeopleError):
    """The keys of persons were wrapped by a vault, which has to be opened to write or prove something about them."""


class StaleChoicesError(PeopleError):
    """The choices in memory are older than allowed; nothing is decided on them. Try again later."""

    retryable = True


class NotProvableYetError(PeopleError):
    """No signed checkpoint covers the entry yet, so there is no proof of it. Try again later."""

    retryable = True
