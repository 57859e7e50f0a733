"""What can go wrong with the vault, each with what to do about it. No text repeats a key, a token or a value."""

from __future__ import annotations


class VaultError(Exception):
    """The room refuses; the text says why and what to do. `retryable`: the same request may pass later."""

    retryable = False


class MissingVaultKeyError(VaultError):
    """A key is not there under which keys of persons are wrapped."""


class UnsafeVaultKeyError(VaultError):
    """A key can be read by others than its owner, is no key, or is not the one of its epoch."""


class KeyProviderError(VaultError):
    """Where the keys are kept refuses, or cannot do what was asked of it."""


class KeyProviderUnavailableError(KeyProviderError):
    """Where the keys are kept does not answer. Try again later."""

    retryable = True


class EpochError(VaultError):
    """An epoch that there is none of, or that cannot be retired as long as it is in use."""


class DamagedItemError(VaultError):
    """An item is not what was stored: its value, or what is said of it, was altered, or belongs to another item."""
