"""Migrations: up and down on both databases with data in them, and no start on a schema that is not ours."""

import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import troth.store
from store_oracle import judge, sqlite_url, write_of
from troth.store import open_store
from troth.store.engine import open_engine, read_url
from troth.store.errors import (
    BrokenSchemaError,
    MissingSchemaError,
    NewerSchemaError,
    OlderSchemaError,
    StoreUnavailableError,
)
from troth.store.migrate import EMPTY, migrate
from troth.store.schema import REVISIONS, VERSION_TABLE, leaves, metadata, policy_versions


def run(url: str, *statements: str) -> list:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        rows = results[-1].all() if results[-1].returns_rows else []
    engine.dispose()
    return rows


def test_the_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(troth.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS


def test_the_migrations_make_the_schema(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    migrate(url)
    migrated = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    other = request.getfixturevalue("cluster").url() if "postgres" in url else sqlite_url(tmp_path / "..") + "2"
    declared = open_engine(read_url(other), begin="BEGIN")
    metadata.create_all(declared)
    for table in metadata.tables:
        left, right = inspect(migrated), inspect(declared)
        keys = [side.get_pk_constraint(table)["constrained_columns"] for side in (left, right)]
        assert keys[0] == keys[1]
        for found in ("get_unique_constraints", "get_indexes"):
            ours, theirs = ([(i["column_names"]) for i in getattr(side, found)(table)] for side in (left, right))
            assert sorted(ours) == sorted(theirs)
        assert [(c["name"], str(c["type"]), c["nullable"]) for c in left.get_columns(table)] == [
            (c["name"], str(c["type"]), c["nullable"]) for c in right.get_columns(table)
        ]
    migrated.dispose()
    declared.dispose()


def test_up_and_down_with_data_in_it(url: str) -> None:
    assert migrate(url, "0001") == (EMPTY, "0001")
    run(url, f"""INSERT INTO leaves ("index", hash, entry, at) VALUES (0, {_bytes(url, 32)}, {_bytes(url, 3)}, 5)""")
    assert migrate(url) == ("0001", REVISIONS[-1])
    with open_store(url) as store:
        store.write(write_of("k"))
        row = {"policy": "p", "version": "v", "effective": 0, "title": "t", "sha256": "0", "source": b"s"}
        add = policy_versions.insert().values(**row, published_at=0, leaf=0)
        store.write(lambda unit: unit.change(add))
    for revision in reversed(REVISIONS[:-1]):
        migrate(url, revision)
        with pytest.raises(OlderSchemaError, match="troth migrate"):
            open_store(url)
        assert run(url, "SELECT count(*) FROM leaves") == [(2,)]
        assert (run(url, "SELECT count(*) FROM policy_versions") == [(1,)]) if revision == "0002" else True
    migrate(url)
    assert run(url, 'SELECT "index", at FROM leaves WHERE "index" = 0') == [(0, 5)]
    with open_store(url) as store:
        assert store.write(lambda unit: unit.append(b"x", b"\x00" * 32)) == 2
    assert migrate(url, EMPTY) == (REVISIONS[-1], EMPTY)
    with pytest.raises(MissingSchemaError):
        open_store(url)
    assert migrate(url) == (EMPTY, REVISIONS[-1])
    assert migrate(url) == (REVISIONS[-1], REVISIONS[-1])


def _bytes(url: str, length: int) -> str:
    return f"decode('{'00' * length}', 'hex')" if "postgres" in url else f"x'{'00' * length}'"


def test_a_newer_schema_is_refused(url: str) -> None:
    migrate(url)
    run(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for start in (open_store, migrate):
        with pytest.raises(NewerSchemaError, match="later version"):
            start(url)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (f"DROP TABLE {VERSION_TABLE}", "broken off"),
        ("DROP TABLE outbox", "outbox is missing"),
        ("ALTER TABLE openings DROP COLUMN sealed", "openings.sealed is missing"),
        ("ALTER TABLE tiles ADD COLUMN more INTEGER", "tiles.more is unknown"),
        (f"INSERT INTO {VERSION_TABLE} VALUES ('0001')", "several schemas"),
    ],
)
def test_a_half_migrated_schema_is_refused(url: str, damage: str, says: str) -> None:
    migrate(url)
    run(url, damage)
    with pytest.raises(BrokenSchemaError, match=says) as refused:
        open_store(url, create=True)
    assert "troth restore" in str(refused.value)


def test_a_migration_that_fails_changes_nothing(url: str) -> None:
    migrate(url, "0002")
    run(url, "CREATE TABLE openings (mine INTEGER)")  # in the way of the second half of the last revision
    with pytest.raises(StoreUnavailableError, match="nothing was changed"):
        migrate(url)
    assert run(url, f"SELECT version_num FROM {VERSION_TABLE}") == [("0002",)]
    run(url, "DROP TABLE openings")
    migrate(url)
    open_store(url).close()


def test_a_migration_waits_its_turn(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    migrate(url, "0001")
    other = sqlite3.connect(tmp_path / "troth.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        migrate(url, busy=0.0)
    other.close()
    migrate(url)


def test_sqlite_is_set_for_durability(tmp_path: Path) -> None:
    with open_store(sqlite_url(tmp_path), create=True) as store:
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        for engine in (store._writing, store._reading):
            with engine.connect() as connection:
                found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
                assert found == ["wal", 2, 1, 1]
        store.write(write_of("k"))
        assert leaves.name == "leaves"
    assert judge(sqlite_url(tmp_path), ["k"]) == ["k"]
