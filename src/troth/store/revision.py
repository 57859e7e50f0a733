"""Which revision of the schema a database has, and whether this Troth can work with it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from troth.store.errors import BrokenSchemaError, MissingSchemaError, NewerSchemaError, OlderSchemaError
from troth.store.schema import REVISIONS, VERSION_TABLE, metadata

# Every table with its columns, by one statement: each start asks, and to ask for table after table takes longer than
# everything else that opening does.
COLUMNS = {
    "sqlite": "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'",
    "postgresql": "SELECT t.relname, c.attname FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid "
    "WHERE t.relkind IN ('r', 'p') AND t.relnamespace = current_schema()::regnamespace "
    "AND c.attnum > 0 AND NOT c.attisdropped",
}


def check_revision(connection: Connection) -> None:
    """Return if the database has exactly the tables of this Troth; else raise a SchemaError that names the remedy."""
    revision = read_revision(connection)
    if revision != REVISIONS[-1]:
        raise OlderSchemaError(
            f"The database has schema {revision} and this Troth needs {REVISIONS[-1]}. Back up, then run: troth migrate"
        )
    wrong = _differences(connection)
    if wrong:
        raise BrokenSchemaError(
            f"The database says that it has schema {revision}, but it differs: {'; '.join(wrong)}. "
            "A migration was broken off, or someone changed the tables. Restore the last backup: troth restore"
        )


def read_revision(connection: Connection) -> str:
    """The revision of the schema. MissingSchemaError: none. NewerSchemaError, BrokenSchemaError: not one of ours."""
    names = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in names:
        strays = sorted(names & set(metadata.tables))
        if strays:
            raise BrokenSchemaError(
                f"The database has tables of Troth ({', '.join(strays)}), but does not say which schema they have. "
                "A migration was broken off. Restore the last backup: troth restore"
            )
        raise MissingSchemaError("The database is empty. To make a new store in it, run: troth migrate")
    found = [str(row[0]) for row in connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")]  # noqa: S608
    if not found:
        raise MissingSchemaError("The database is empty. To make a new store in it, run: troth migrate")
    if len(found) > 1:
        raise BrokenSchemaError(
            f"The database says that it has several schemas at once: {', '.join(found)}. "
            "Restore the last backup: troth restore"
        )
    if found[0] not in REVISIONS:
        raise NewerSchemaError(
            f"The database has schema {found[0]}, which this Troth does not know; it knows up to {REVISIONS[-1]}. "
            "It was made by a later version: install that version, or restore a backup from before."
        )
    return found[0]


def _differences(connection: Connection) -> list[str]:
    there: dict[str, set[str]] = {}
    for table, column in connection.exec_driver_sql(COLUMNS[connection.dialect.name]):
        there.setdefault(table, set()).add(column)
    wrong = []
    for table in metadata.tables.values():
        found, wanted = there.get(table.name), set(table.columns.keys())
        if found is None:
            wrong.append(f"the table {table.name} is missing")
            continue
        wrong += [f"the column {table.name}.{name} is missing" for name in sorted(wanted - found)]
        wrong += [f"the column {table.name}.{name} is unknown" for name in sorted(found - wanted)]
    return wrong
