"""Which provider of keys a configuration means."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from troth.vault.errors import KeyProviderError
from troth.vault.providers import FOLDER, EnvironmentKeys, FileKeys, KeyProvider
from troth.vault.transit import TransitKeys

ENVIRONMENT = "environment"


def key_provider(setting: str | None, keys: Path, environment: Mapping[str, str] = os.environ) -> KeyProvider:
    """The provider that the setting `vault` means; `keys` is the folder of the other keys.

    Nothing: files below that folder. `environment`: the variable TROTH_VAULT_KEYS. An address: a transit engine.
    KeyProviderError: it is none of these.
    """
    if setting is None:
        return FileKeys(keys / FOLDER)
    if setting == ENVIRONMENT:
        return EnvironmentKeys(environment)
    if "://" in setting:
        return TransitKeys(setting, keys / FOLDER, environment=environment)
    raise KeyProviderError(
        f"`vault`: '{setting}' is not where keys are. Leave it out to keep them in files, or write "
        f'"{ENVIRONMENT}", or the address of a transit key such as https://vault.example/transit/troth.'
    )
