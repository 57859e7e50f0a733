"""What can go wrong with the store, each with what to do about it."""

from __future__ import annotations


class StoreError(Exception):
    """The store refuses; the text says why and what to do. `retryable`: the same request may pass later."""

    retryable = False


class StoreUnavailableError(StoreError):
    """Nothing was acknowledged: disk full or failing, database down or locked. Try again later.

    If it happened while the transaction was being committed, the change may turn out to be there, whole, with its
    record entry; it is never there in part.
    """

    retryable = True


class StoreClosedError(StoreError):
    """The store was closed."""


class FailedUnitError(StoreError):
    """A statement of the unit of work failed and its error was swallowed; none of the unit was kept."""


class SchemaError(StoreError):
    """The database cannot be used as it is."""


class MissingSchemaError(SchemaError):
    """The database is empty."""


class OlderSchemaError(SchemaError):
    """The database was made by an earlier Troth."""


class NewerSchemaError(SchemaError):
    """The database was made by a later Troth."""


class BrokenSchemaError(SchemaError):
    """The database is half migrated, or its tables are not those of Troth."""


class BackupError(StoreError):
    """A backup or restore cannot be done as asked."""
