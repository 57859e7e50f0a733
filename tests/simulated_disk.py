"""SQLite on a disk of our own: what was not synced can be lost or torn, and any write can fail.

The disk logs every operation. From the log, the state after a power cut at any moment is built: what was synced is
there; of what came after the last sync of a file, each write is there, lost, or torn at a sector, in no order. The
store runs on it unchanged, through a driver module that speaks the DB-API on top of apsw; afterwards the files are put
on a real disk and judged with another SQLite, the one of Python itself.
"""

import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import apsw
import apsw.ext
from sqlalchemy.pool import StaticPool

from troth.store import Store
from troth.store import store as store_module
from troth.store.writer import Clock

SECTOR = 512
_names = itertools.count()


class Disk:
    """Files in memory, the log of all operations on them, and the operation that shall fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.log: list[tuple] = []
        self.operations = 0
        self.fail_at: int | None = None
        self.fail_with: type[Exception] = apsw.IOError
        self.failing_for = 1
        self.vfs = _Vfs(self)

    def attempt(self, *operation: object) -> None:
        """Count an operation; raise if it is the one that fails, log it otherwise."""
        self.operations += 1
        if self.fail_at is not None and self.fail_at <= self.operations < self.fail_at + self.failing_for:
            raise self.fail_with("simulated")
        self.log.append(operation)

    def note(self, key: str) -> None:
        """Log that the store acknowledged a write."""
        self.log.append(("acknowledged", key))

    def cut(self, moment: int, chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
        """The files after a power cut before operation `moment` of the log, and what was acknowledged by then."""
        synced: dict[str, bytearray] = {}
        pending: dict[str, list[tuple]] = {}
        acknowledged = []
        for operation in self.log[:moment]:
            kind, name, *rest = operation
            if kind == "acknowledged":
                acknowledged.append(name)
            elif kind == "sync":
                for late in pending.pop(name, []):
                    _apply(synced.setdefault(name, bytearray()), late)
            elif kind == "delete":
                pending.pop(name, None)
                synced.pop(name, None)
            else:
                pending.setdefault(name, []).append((kind, *rest))
        for name, late in pending.items():
            for operation in late:
                fate = chance.random()
                if fate < 0.4:
                    _apply(synced.setdefault(name, bytearray()), operation)
                elif fate < 0.7 and operation[0] == "write":
                    _, offset, data = operation
                    keep = chance.randrange(0, len(data) // SECTOR + 1) * SECTOR
                    _apply(synced.setdefault(name, bytearray()), ("write", offset, data[:keep]))
        return {name: bytes(content) for name, content in synced.items()}, acknowledged

    def save(self, files: dict[str, bytes], folder: Path) -> str:
        """Put files into a new folder on a real disk; the URL of the store in them."""
        folder.mkdir()
        for name, content in files.items():
            (folder / Path(name).name).write_bytes(content)
        return f"sqlite:///{folder}/troth.db"

    def save_all(self, folder: Path) -> str:
        """The same with all that was written, as after a failure that did not stop the machine."""
        return self.save({name: bytes(content) for name, content in self.files.items()}, folder)


def _apply(content: bytearray, operation: tuple) -> None:
    if operation[0] == "write":
        _, offset, data = operation
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data
    else:
        del content[operation[1] :]


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.name = f"simulated{next(_names)}"
        super().__init__(self.name, "")

    def xOpen(self, name, flags):  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or f"temporary{next(_names)}"
        flags[1] = flags[0]
        return _File(self.disk, path)

    def xAccess(self, pathname, flags):  # noqa: N802
        return pathname in self.disk.files

    def xDelete(self, filename, syncdir):  # noqa: N802
        self.disk.attempt("delete", filename)
        self.disk.files.pop(filename, None)

    def xFullPathname(self, name):  # noqa: N802
        return name


class _File:
    def __init__(self, disk: Disk, name: str) -> None:
        self.disk, self.name = disk, name
        self.content = disk.files.setdefault(name, bytearray())

    def xRead(self, amount, offset):  # noqa: N802
        return bytes(self.content[offset : offset + amount])

    def xWrite(self, data, offset):  # noqa: N802
        self.disk.attempt("write", self.name, offset, bytes(data))
        _apply(self.content, ("write", offset, data))

    def xTruncate(self, size):  # noqa: N802
        self.disk.attempt("truncate", self.name, size)
        del self.content[size:]

    def xSync(self, flags):  # noqa: N802
        self.disk.attempt("sync", self.name)

    def xFileSize(self):  # noqa: N802
        return len(self.content)

    def xClose(self):  # noqa: N802
        pass

    def xLock(self, level):  # noqa: N802
        pass

    def xUnlock(self, level):  # noqa: N802
        pass

    def xCheckReservedLock(self):  # noqa: N802
        return False

    def xFileControl(self, op, pointer):  # noqa: N802
        return False

    def xSectorSize(self):  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self):  # noqa: N802
        return 0


class _Error(Exception):
    pass


class _DatabaseError(_Error):
    pass


class _OperationalError(_DatabaseError):
    pass


class _IntegrityError(_DatabaseError):
    pass


class _Cursor:
    """The part of the DB-API's cursor that SQLAlchemy and the store use."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection, self._cursor, self.rowcount, self.lastrowid = connection, connection.cursor(), -1, None
        self.description = None

    def execute(self, sql, parameters=()):
        try:
            self._cursor = self._connection.execute(sql, tuple(parameters))
            self.description = self._cursor.get_description() if self._cursor.bindings_count >= 0 else None
        except apsw.ExecutionCompleteError:  # no row came, so the columns have to be asked for
            self.description = apsw.ext.query_info(self._connection, sql, tuple(parameters)).description or None
        except apsw.ConstraintError as problem:
            raise _IntegrityError(str(problem)) from problem
        except apsw.Error as problem:
            raise _OperationalError(str(problem)) from problem
        self.rowcount = self._connection.changes()
        return self

    def executemany(self, sql, rows):
        for row in rows:
            self.execute(sql, row)
        return self

    def fetchone(self):
        return next(self._cursor, None)

    def fetchall(self):
        return list(self._cursor)

    def close(self):
        pass


class _Connection:
    isolation_level = None

    def __init__(self, path: str, vfs: str) -> None:
        self._connection = apsw.Connection(path, vfs=vfs)

    def cursor(self):
        return _Cursor(self._connection)

    def execute(self, sql, parameters=()):
        return self.cursor().execute(sql, parameters)

    @property
    def in_transaction(self):
        return self._connection.in_transaction

    def create_function(self, *_arguments, **_options):
        pass

    def commit(self):
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self):
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self):
        self._connection.close(True)


def driver(disk: Disk) -> ModuleType:
    """A DB-API module whose connections are on that disk."""
    return SimpleNamespace(  # type: ignore[return-value]
        connect=lambda path, **_options: _Connection("troth.db", disk.vfs.name),
        paramstyle="qmark",
        sqlite_version_info=tuple(int(n) for n in apsw.sqlite_lib_version().split(".")),
        sqlite_version=apsw.sqlite_lib_version(),
        version_info=(2, 6, 0),
        threadsafety=1,
        Error=_Error,
        DatabaseError=_DatabaseError,
        OperationalError=_OperationalError,
        InterfaceError=_OperationalError,
        IntegrityError=_IntegrityError,
        ProgrammingError=_DatabaseError,
        NotSupportedError=_DatabaseError,
        InternalError=_DatabaseError,
        DataError=_DatabaseError,
        PARSE_COLNAMES=0,
        PARSE_DECLTYPES=0,
        Binary=memoryview,
    )


def store_on(disk: Disk, pragmas: dict[str, str], template: Path, clock: Clock = store_module.utc_now) -> Store:
    """The store on that disk, which begins with the files of `template`.

    One connection for all, since the disk has no shared memory: for one thread that reads only between its writes.
    """
    if "troth.db" not in disk.files:
        disk.files["troth.db"] = bytearray(template.read_bytes())
        disk.log.append(("write", "troth.db", 0, template.read_bytes()))
        disk.log.append(("sync", "troth.db"))
    url = store_module.read_url("sqlite:///troth.db")
    options = {"module": driver(disk), "pragmas": {"locking_mode": "EXCLUSIVE", **pragmas}, "poolclass": StaticPool}
    engine = store_module.open_engine(url, begin=None, **options)
    return Store(url, engine, engine, clock)


def cut_power(
    folder: Path,
    count: int,
    chance: random.Random,
    workload: Callable[[Disk], object],
    judge: Callable[[str, list[str]], object],
    cuts_of_each: int = 50,
) -> list[Exception]:
    """Cut the power `count` times, in runs of a workload that notes what is acknowledged; what was wrong afterwards.

    `judge` gets the URL of the store as it came up again and what was acknowledged before the cut.
    """
    wrong = []
    disk = Disk()
    for number in range(count):
        if number % cuts_of_each == 0:
            disk = Disk()
            workload(disk)
        files, acknowledged = disk.cut(chance.randrange(3, len(disk.log)), chance)
        place = folder / str(number)
        try:
            judge(disk.save(files, place), acknowledged)
        except Exception as problem:
            wrong.append(problem)
        shutil.rmtree(place)
    return wrong
