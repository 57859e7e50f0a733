"""What all tables share: where they are gathered, and the type of a row's own number."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

# In SQLite only a column declared INTEGER is the row's own number; BIGINT would need an index beside the table.
Number = BigInteger().with_variant(Integer(), "sqlite")
