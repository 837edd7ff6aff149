"""The config file on the disk: locked, written whole or not at all, private."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from platformdirs.unix import Unix

from .. import files
from ..display.place import next_step
from ..errors import ConfigError, warn
from ..files import path_of
from ..loops import IN_BROWSER
from .document import Document
from .profile import Profile

T = TypeVar("T")


class ConfigWarning(UserWarning):
    """Something about the config file that its owner should know; said once per kernel."""


# Seconds to wait for other programs' writes. One takes milliseconds, but a busy machine may have many, and
# what is to be saved may be a key that has just been made.
_PATIENCE = 60.0

# What tells that a file has been written since: inode, size, time. None: there is no file.
_Version = tuple[int, int, int]

_told: set[str] = set()
_once = threading.Lock()


class ProfileStore:
    """The profiles saved on this machine, in the config file shared with the ``codika`` tool.

    Safe to use from threads, processes and several kernels at once; nothing is cached, every call looks
    at the file. A file that cannot be read as a configuration is never overwritten.

    Args:
        path: the config file; if left out ``$XDG_CONFIG_HOME/codika/config.json``, or
            ``~/.config/codika/config.json`` where that is not set, looked up at each use.

    Location, schema and naming as in codika 3.6.0.

    Example:
        >>> store = ProfileStore()
        >>> store
        ProfileStore('.../codika/config.json')
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._path = path_of(path) if path is not None else None

    def __repr__(self) -> str:
        return f"ProfileStore({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """Where the config file is, or will be."""
        if self._path is not None:
            return self._path
        # The tool takes the variable as it is, where platformdirs ignores a relative or a Windows path.
        if chosen := os.environ.get("XDG_CONFIG_HOME"):
            return Path(chosen, "codika", "config.json")
        if kept := files.kept():
            return kept / "config.json"
        try:
            return Unix("codika").user_config_path / "config.json"
        except RuntimeError as error:
            raise ConfigError(
                "There is no home folder to keep the config file in.",
                next_action="Set HOME or XDG_CONFIG_HOME, or give the key in CODIKA_API_KEY.",
                code="no-home",
            ) from error

    def active(self) -> Profile | None:
        """The profile in use; None if nobody is signed in.

        Raises:
            ConfigError: the file is there and cannot be read, or is no configuration.

        Example:
            >>> store.active()
            Profile('acme', organization='Acme', key='cko_...')
        """
        return self._load().active()

    def get(self, name: str) -> Profile:
        """The profile called `name`.

        Raises:
            ConfigError: there is none (the message names those there are), or the file cannot be read.

        Example:
            >>> store.get("acme").host == sandbox.url
            True
        """
        return self._load().find(name)

    def list(self) -> list[Profile]:
        """All profiles, in the file's order.

        Raises:
            ConfigError: the file is there and cannot be read, or is no configuration.

        Example:
            >>> [profile.name for profile in store.list()]
            ['acme']
        """
        return self._load().profiles()

    def save(
        self, profile: Profile, *, name: str | None = None, activate: bool = True, overwrite: bool = False
    ) -> Profile:
        """Save a profile in the place of the one it renews, or under a new name.

        A new key of an organization that is known already renews its profile (the one it came from, the
        active one, the first, in this order); members unknown to us stay. The name of a new profile is made
        from the organization's. The same organization at another server is another organization. A profile
        that states no `base_url` stays at the server where its organization is known already, production
        first; to mean production whatever is known, state `PRODUCTION`.

        Args:
            profile: what to save.
            name: the name to save it under, instead.
            activate: whether it becomes the active profile; it does in any case where none is.
            overwrite: whether `name` may replace a profile of another organization or server.

        Returns:
            The profile as saved, with its name.

        Raises:
            ConfigError: the name cannot be used, or the file cannot be written; nothing has been changed.

        A file that is no configuration is kept aside (a `ConfigWarning` says where) and a new one begun.
        Naming as in codika 3.6.0, where no two organizations share a profile.

        Example:
            >>> store.save(Profile("cko_0123456789", organization_id="org_2", organization_name="Beta Corp"))
            Profile('beta-corp', organization='Beta Corp', key='cko_0123...')
        """
        if not profile.api_key:
            raise ConfigError(
                "A profile without a key cannot be saved.", next_action=next_step("make-a-profile")
            )
        return self._update(
            lambda document: document.put(profile, name, activate=activate, overwrite=overwrite), renew=True
        )

    def use(self, name: str) -> Profile:
        """Make a profile the active one.

        Raises:
            ConfigError: there is none of that name, or the file cannot be read or written.

        Example:
            >>> store.use("acme")
            Profile('acme', organization='Acme', key='cko_...')
        """
        return self._update(lambda document: document.activate(name))

    def remove(self, name: str) -> Profile:
        """Forget a profile; if it was active, the first that remains becomes active.

        The key stays valid at the server until it is revoked there.

        Raises:
            ConfigError: there is none of that name, or the file cannot be read or written.

        Example:
            >>> store.remove("acme")
            Profile('acme', organization='Acme', key='cko_...')
            >>> store.list()
            []
        """
        return self._update(lambda document: document.remove(name))

    def check_writable(self) -> None:
        """Make sure, before a one-time code is used up for a key, that the key could be saved.

        Raises:
            ConfigError: it could not: folder or file not accessible, disk full, locked by another program.

        Example:
            >>> store.check_writable()
        """
        path = self._locate()
        with _explained(path), _locked(path) as target:
            document, _ = _read(target)
            with files.temporary(target, document.encode):
                pass

    def _load(self) -> Document:
        path = self._locate()
        document, _ = _read(path)
        _require_configuration(path, document)
        return document

    def _update(self, change: Callable[[Document], T], *, renew: bool = False) -> T:
        path = self._locate()
        result, notices = _rewrite(path, change, renew=renew)
        # Only now: where warnings are errors, they must not come between a key and the disk.
        for notice in notices:
            _tell(notice)
        return result

    def _locate(self) -> Path:
        """The file to use, after moving in from the folder that the tool's predecessor kept."""
        if self._path is not None:
            return self._path
        new = self.path
        old = new.parent.with_name("codika-helper")
        if os.path.lexists(new.parent) or not old.is_dir():
            return new
        try:
            _copy_privately(old, new.parent)
        except OSError:
            # As the tool does: where it cannot be copied, the old one serves. Or another kernel was faster.
            return new if new.parent.is_dir() else old / new.name
        _tell(
            f"The profiles in {old} were copied to {new.parent}. "
            "The old folder still holds working keys: delete it when nothing uses it any more."
        )
        return new


def _rewrite(path: Path, change: Callable[[Document], T], *, renew: bool) -> tuple[T, list[str]]:
    """Read, change and replace the file under the lock; `renew` begins anew where it is corrupt.

    Returns:
        What `change` returned, and what the owner should be told.
    """
    with _explained(path), _locked(path) as target:
        for _ in range(100):
            document, version = _read(target)
            if not renew:
                _require_configuration(path, document)
            result = change(document)
            with files.temporary(target, document.encode) as temporary:
                # The codika tool takes no lock. What it has written meanwhile is read again, not lost.
                if _read_once(target)[1] != version:
                    continue
                notices = _left_open(path, target)
                if document.problem is not None:
                    notices.append(_keep_aside(target, document))
                files.replace(temporary, target)
            files.sync(target.parent)
            return result, notices
    raise ConfigError(
        f"The config file {path} changes faster than it can be written.",
        next_action="Find the program that keeps writing it, and try again.",
        code="config-not-writable",
    )


def _require_configuration(path: Path, document: Document) -> None:
    if document.problem is not None:
        raise ConfigError(
            f"The config file {path} cannot be used: {document.problem}. It was left as it is.",
            next_action="Repair it or move it away; the next sign-in keeps it aside and begins a new one.",
            code="corrupt-config",
        )


def _tell(notice: str) -> None:
    with _once:
        if notice in _told:
            return
        _told.add(notice)
    warn(notice, ConfigWarning)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says into what a person can do."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The config file {path} cannot be written: {error.strerror or error}.",
            next_action="Make its folder writable for you, or point XDG_CONFIG_HOME to one that is.",
            code="config-not-writable",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Hold the config file for writing; yields the file itself where `path` is a link to it."""
    if IN_BROWSER:  # has no locks, and a lock that is left behind when the page is closed would stay
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
        return
    # Half of this module's import time, and readers do without it.
    from filelock import FileLock, SoftFileLock, Timeout  # noqa: PLC0415

    target = Path(os.path.realpath(path))
    _read_once(target)  # what is no file is refused before anything is put beside it
    _private_folder(path.parent)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Some network homes have no locks; a file that exists while somebody writes does there. It has a name
    # of its own, because trying the first leaves that one's file behind.
    hard = FileLock(f"{target}.lock", mode=0o600, fallback_to_soft=False)
    # It needs no mode of its own, which such a home may not have either.
    locks = hard, SoftFileLock(f"{target}.lock.soft")
    with ExitStack() as afterwards:
        for lock in locks * 2:
            # Twice: Ctrl-C in the first release must not leave this kernel holding the lock for good.
            afterwards.callback(lock.release, force=True)
        try:
            try:
                locks[0].acquire(_PATIENCE, poll_interval=0.01)
            except (OSError, NotImplementedError) as error:
                if not files.is_not_supported(error):
                    raise
                locks[1].acquire(_PATIENCE, poll_interval=0.01)
        except Timeout:
            raise ConfigError(
                f"The config file {path} is being written by other programs.",
                next_action="Try again in a moment.",
                code="config-locked",
            ) from None
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)  # of a process that was killed: whoever holds the lock is alone
        yield target


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only the tool's own folder is made private: a config file may have been put beside other things.
    if os.name == "posix" and folder.name == "codika" and folder.stat().st_mode & 0o077:
        with files.where_supported():  # somebody else's folder is still a place to write
            folder.chmod(0o700)


def _left_open(path: Path, target: Path) -> list[str]:
    """What to tell the owner if other accounts could read the keys until now."""
    if os.name != "posix" or not target.exists() or not (mode := stat.S_IMODE(target.stat().st_mode)) & 0o077:
        return []
    return [
        f"The config file {path} was open to other accounts on this machine (mode {mode:04o}); "
        "it is private now. If somebody may have read it, make new keys."
    ]


def _read(path: Path) -> tuple[Document, _Version | None]:
    """The file as it is now; a missing one is an empty configuration."""
    for _ in range(5):
        document, version = _read_once(path)
        complete = document.raw and document.problem is None
        if version is None or complete or not 0 <= time.time() - version[2] / 1e9 < 0.1:
            break
        time.sleep(0.02)  # the codika tool empties the file before it fills it: let it finish
    return document, version


def _read_once(path: Path) -> tuple[Document, _Version | None]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited on for ever
            raise OSError(errno.EINVAL, "it is not a file")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return Document(file.read()), (status.st_ino, status.st_size, status.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return Document(), None
    except OSError as error:
        raise ConfigError(
            f"The config file {path} cannot be read: {error.strerror or error}. It was left as it is.",
            next_action="Make it a file that you can read, or point XDG_CONFIG_HOME to another folder.",
            code="config-not-readable",
        ) from error


def _keep_aside(target: Path, document: Document) -> str:
    """Copy what could not be read to a name of its own; returns what to tell the owner."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside, number = target.with_name(f"{target.name}.corrupt-{moment}"), 2
    while os.path.lexists(aside):
        aside, number = target.with_name(f"{target.name}.corrupt-{moment}-{number}"), number + 1
    with files.temporary(aside, lambda: document.raw) as temporary:
        files.replace(temporary, aside)
    return (
        f"The config file {target} could not be used: {document.problem}. "
        f"It was kept as {aside} and a new one begun; what is in it can be copied over by hand."
    )


def _copy_privately(old: Path, new: Path) -> None:
    """Copy a folder so that it appears whole, and readable by its owner only."""
    import shutil  # noqa: PLC0415 - once in a machine's life
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix=".codika-", dir=new.parent) as scratch:
        copy = Path(scratch) / new.name
        shutil.copytree(old, copy, symlinks=True)
        copy.chmod(0o700)
        for path in copy.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        copy.rename(new)
