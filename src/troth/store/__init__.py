"""The store: one durable database, SQLite or PostgreSQL, and the unit of work. It knows no business rules.

>>> with open_store("sqlite:///troth.db", create=True) as store:
...     store.write(lambda unit: unit.send("topic", "body"))
"""

from troth.store.errors import StoreError, StoreUnavailableError
from troth.store.store import Store, open_store
from troth.store.unit import Unit

__all__ = ["Store", "StoreError", "StoreUnavailableError", "Unit", "open_store"]
