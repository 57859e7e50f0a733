"""What can go wrong with a call, in four kinds. All fail closed: none of them ever means "allowed".

`Refused`       the policy says no, or a person's choice does. The sentence that says so comes along.
`Unavailable`   no answer that can be trusted: too slow, broken off, nonsense, a redirect, a failing server.
`WrongRequest`  the application asked for something that cannot be asked. Trying again does not help.
`NotAllowed`    the service key is missing, unknown, or does not reach that far.
"""

from __future__ import annotations


class TrothError(Exception):
    """A call that was not answered with yes. `code` is stable, `retryable` says whether it may pass by itself.

    The message names fields, statements and codes, and never a value that was sent: messages end up in logs.
    """

    retryable = False

    def __init__(
        self, code: str, message: str, *, field: str | None = None, statement: str | None = None, sentence: str = ""
    ) -> None:
        self.code = code
        self.message = message
        self.field = field
        self.statement = statement
        self.sentence = sentence
        super().__init__(f"{message} [{code}]")


class Refused(TrothError):  # noqa: N818 - it reads as what it is: `except Refused`
    """A gate does not open. Nothing was stored or released.

    `code` is the reason of a decision (`opted-out`, `not-stated`, …) or of a gate (`required`, `card-number`, …);
    `field` the data term, `statement` and `sentence` what the policy says.
    """


class Unavailable(TrothError):  # noqa: N818
    """No trustworthy answer came. `retry_after` is in seconds, where the server said.

    `unknown`: the request reached the server and its answer did not come back, so a collection may have been stored.
    Otherwise nothing was.
    """

    retryable = True

    def __init__(self, message: str, *, unknown: bool = False, retry_after: float | None = None) -> None:
        self.unknown = unknown
        self.retry_after = retry_after
        super().__init__("unavailable", message)


class WrongRequest(TrothError):  # noqa: N818
    """The request cannot be understood: an unknown statement, term or product, a value that is too large."""


class NotAllowed(TrothError):  # noqa: N818
    """The service key is missing, unknown, revoked, or its scope does not cover this; or it is not for this purpose."""
