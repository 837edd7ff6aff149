"""The sandbox's memory: SQLite, one connection, one transaction at a time."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..files import is_not_supported, write_whole

__all__ = ["Store", "may_keep_in", "require_file", "unusable"]

# Each script brings a database from the version before it to its own; PRAGMA user_version counts them.
_MIGRATIONS = tuple(
    resources.files(__package__).joinpath("schema", f"{version}.sql").read_text(encoding="utf-8")
    for version in (1, 2, 3, 4)
)
_SECRET_BYTES = 32


class Store:
    """A database in memory, or in a folder where it survives restarts and crashes.

    The names of tables and columns that are given to it come from this package's code alone: they stand in
    its statements as they are, and every value beside them.
    """

    def __init__(self, folder: Path | None) -> None:
        with contextlib.ExitStack() as undone:
            if folder is not None:
                undone.enter_context(_owned(folder))
            with may_keep_in(folder):
                self._open(folder)
            self._let_go = undone.pop_all()

    def _open(self, folder: Path | None) -> None:
        self.code_secret = _code_secret(folder)
        """Binds the codes; kept outside the database, whose copy alone must not give them away."""
        path = ":memory:" if folder is None else str(_private_file(folder))
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        self._database.row_factory = sqlite3.Row
        try:
            # Where a file system has no locks for the folder, it may have them for this.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            # Pages that are damaged are else found only when a call comes upon them.
            if self._database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("its content is damaged")
            self._migrate()
        except sqlite3.DatabaseError as error:
            self._database.close()
            if "locked" in str(error):
                raise _in_use(folder) from None
            raise unusable(path, str(error)) from None
        except ConfigError:
            self._database.close()
            raise

    def _migrate(self) -> None:
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            raise ConfigError(
                "The sandbox's data was written by a newer version of codika_nb.",
                next_action="Upgrade codika_nb, or choose another folder.",
            )
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._database.executescript(
                f"BEGIN EXCLUSIVE; {script}; PRAGMA user_version = {number}; COMMIT;"
            )
        # Another program's may say that it is of this version.
        self._database.execute("SELECT 1 FROM instances LIMIT 0")

    def refresh(self) -> None:
        """Take in what others have written meanwhile, where others can."""

    @contextlib.contextmanager
    def transaction(self, keep_on: type[Exception]) -> Iterator[None]:
        """All or nothing, except that a `keep_on` is an answer and keeps what was written."""
        # There is no second writer to wait for, so that one which only reads need not lock for writing.
        self._database.execute("BEGIN")
        verdict = "ROLLBACK"
        try:
            yield
            verdict = "COMMIT"
        except keep_on:
            verdict = "COMMIT"
            raise
        finally:
            self._database.execute(verdict)

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
        return row

    def every(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows."""
        return self._database.execute(sql, values).fetchall()

    def count(self, sql: str, *values: Any) -> int:
        """The number a SELECT COUNT(*) says."""
        number: int = self._database.execute(sql, values).fetchone()[0]
        return number

    def run(self, sql: str, *values: Any) -> None:
        """Run one statement."""
        self._database.execute(sql, values)

    def note(self, sql: str, *values: Any) -> None:
        """Run a statement that no call may fail for, were the disk full; it is lost then."""
        if self._database.in_transaction:  # SQLite may give that up as a whole
            self.run(sql, *values)
            return
        with contextlib.suppress(sqlite3.OperationalError):
            self.run(sql, *values)

    def insert(self, table: str, *, replace: bool = False, **row: Any) -> int | None:
        """Add one row, given by its columns; returns its rowid."""
        verb = "REPLACE" if replace else "INSERT"
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"{verb} INTO {table} ({columns}) VALUES ({marks})"
        return self._database.execute(sql, tuple(row.values())).lastrowid

    def select(
        self, table: str, columns: str = "*", order: str = "rowid", limit: int = -1, /, **where: Any
    ) -> list[sqlite3.Row]:
        """The rows in whose columns these values stand."""
        sql = f"SELECT {columns} FROM {table} WHERE {_all_of(where)} ORDER BY {order} LIMIT ?"  # noqa: S608
        return self.every(sql, *where.values(), limit)

    def find(self, table: str, columns: str = "*", /, **where: Any) -> sqlite3.Row | None:
        """The row in whose columns these values stand."""
        return self.one(f"SELECT {columns} FROM {table} WHERE {_all_of(where)}", *where.values())  # noqa: S608

    def change(self, table: str, where: Mapping[str, Any], /, **columns: Any) -> None:
        """Write values into columns of the rows where others stand."""
        written = ", ".join(f"{column} = ?" for column in columns)
        sql = f"UPDATE {table} SET {written} WHERE {_all_of(where)}"  # noqa: S608
        self.run(sql, *columns.values(), *where.values())

    def remove(self, table: str, /, **where: Any) -> None:
        """Delete the rows in whose columns these values stand."""
        self.run(f"DELETE FROM {table} WHERE {_all_of(where)}", *where.values())  # noqa: S608

    def close(self) -> None:
        """Write everything out and let go of the file."""
        self._database.close()
        self._let_go.close()


def _all_of(where: Mapping[str, Any]) -> str:
    return " AND ".join(f"{column} {'IS' if value is None else '='} ?" for column, value in where.items())


@contextlib.contextmanager
def may_keep_in(folder: Path | None) -> Iterator[None]:
    """Say it as whoever starts the sandbox can mend it, if the system refuses a folder or what is in it."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot keep its data in {folder}: {error.strerror}.",
            next_action="Choose another folder.",
        ) from None


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Have a folder for oneself: two sandboxes would not know of each other's runs, limits and writes.

    By a file of its own: the locks of the database end when anybody in this process has looked into it.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - a browser has none, and is warned when it is imported

    lock = FileLock(folder / "lock", mode=0o600, fallback_to_soft=False)
    try:
        with may_keep_in(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise _in_use(folder) from None
            except (OSError, NotImplementedError) as error:
                if not is_not_supported(error):
                    raise
                # No locks here, and whoever shares such a folder has to know.
            write_whole(folder / "owner", f"{os.getpid()}\n".encode())
        yield
    finally:
        lock.release()


def _in_use(folder: Path | None) -> ConfigError:
    owner = ""
    if folder is not None:
        with contextlib.suppress(OSError, ValueError):
            owner = f" (process {int((folder / 'owner').read_text())})"
    return ConfigError(
        f"Another sandbox is using {folder}{owner}.", next_action="Stop it, or choose another folder."
    )


def _private_file(folder: Path) -> Path:
    """The database's file; SQLite gives its side files the mode that this one has."""
    path = folder / "sandbox.sqlite3"
    require_file(path)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


def require_file(path: Path) -> None:
    """Refuse what is there and cannot be read and written as a file: reading a pipe may wait for ever."""
    if path.exists() and not path.is_file():
        raise ConfigError(
            f"The sandbox cannot keep its data in {path}: it is no file.",
            next_action="Move it away, or choose another folder.",
        )


def unusable(path: Path | str, why: str) -> ConfigError:
    """What is said at the start about a file that is not what it has to be."""
    next_action = "Move it away, or choose another folder."
    return ConfigError(f"{path} cannot be used: {why}.", next_action=next_action)


def _code_secret(folder: Path | None) -> bytes:
    if folder is None:
        return secrets.token_bytes(_SECRET_BYTES)
    path = folder / "secret"
    require_file(path)
    if not path.exists():
        write_whole(path, secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) < _SECRET_BYTES:
        raise unusable(path, "it is cut off")
    return secret
