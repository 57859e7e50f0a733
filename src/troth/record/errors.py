"""What can go wrong with the record, each with what to do about it."""

from __future__ import annotations


class RecordError(Exception):
    """The record refuses; the text says why and what to do."""


class KeyMissing(RecordError):
    """There is no signing key where it should be."""


class KeyUnsafe(RecordError):
    """The signing key can be read by others than its owner, or is not a private key of this log."""


class HistoryContradicted(RecordError):
    """The database does not hold the history that was signed: restored from a backup, or altered."""


class AlreadyPublished(RecordError):
    """This version was published before with other contents; a published version never changes."""
