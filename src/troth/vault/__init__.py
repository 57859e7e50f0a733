"""The vault: what was collected, sealed person by person, for as long as the policy lets it be kept, or until erased.

It decides nothing: what may come in or out is the gates' matter.
"""

from troth.vault.errors import VaultError
from troth.vault.items import Item, NewItem, Origin, SealedItem
from troth.vault.vault import Opener, Vault, open_vault

__all__ = ["Item", "NewItem", "Opener", "Origin", "SealedItem", "Vault", "VaultError", "open_vault"]
