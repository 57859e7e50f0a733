"""What can go wrong with the record, each with what to do about it."""

from __future__ import annotations


class RecordError(Exception):
    """The record refuses; the text says why and what to do."""


class MissingKeyError(RecordError):
    """There is no signing key where it should be."""


class UnsafeKeyError(RecordError):
    """The signing key can be read by others than its owner, or is not a private key of this log."""


class ContradictedHistoryError(RecordError):
    """The database does not hold the history that was signed: restored from a backup, or altered."""


class AlreadyPublishedError(RecordError):
    """This version was published before with other contents; a published version never changes."""
