"""Writing files: whole or not at all, and only where they belong."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import ConfigError, InvalidResponseError
from .loops import IN_BROWSER

# What keeps a file from reaching the disk. Anything else means that the system does not wait for disks, as
# many a network or cluster home; some of them say so with numbers that Python has no name for.
_LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)

# What keeps a file from being opened at all, or for now. Whatever else is said of a lock or a mode means that
# the system has none: each says so in a number of its own.
_NOT_OPEN = frozenset(
    {errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
    | {errno.EMFILE, errno.ENFILE, errno.EEXIST, errno.EAGAIN}
)


class Base64(str):
    """What is in a file, as it travels in JSON: nothing in it needs an escape."""

    __slots__ = ()


def path_of(given: str | os.PathLike[str]) -> Path:
    """What somebody has given as a path, with ``~`` for a home folder.

    Raises:
        ConfigError: it can be none: no system has files of such a name, or nobody such a home folder.
    """
    try:
        path = Path(given).expanduser()
        nul = b"\0" in os.fsencode(path)
    except TypeError:
        raise ConfigError(f"A path is a text or a Path, not {type(given).__name__}.") from None
    except RuntimeError:
        raise ConfigError(f"There is no such home folder: {given}.", next_action="Write it out.") from None
    except UnicodeEncodeError:
        raise ConfigError("Half a character stands in a path, and no file has such a name.") from None
    if nul:
        raise ConfigError("A NUL character stands in a path, and no file has such a name.")
    return path


def is_not_supported(error: OSError | NotImplementedError) -> bool:
    """Whether this is how a file system answers to what it cannot do: locking a file, changing its mode.

    Also by a number that Python has no name for.
    """
    if not isinstance(error, OSError):
        return True
    return error.errno is not None and error.errno not in _NOT_OPEN.union(_LOST)


def kept() -> Path | None:
    """Where a browser keeps files when its page is loaded anew; None elsewhere, and if it keeps none."""
    drive = Path("/drive")  # JupyterLite's
    return drive / ".codika" if IN_BROWSER and drive.is_dir() else None


@contextmanager
def temporary(target: Path, content: Callable[[], bytes], mode: int = 0o600) -> Iterator[Path]:
    """A new file beside `target`, on the disk and private unless `mode` says otherwise; gone afterwards
    unless moved away."""
    path = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content())  # never in a local variable: tracebacks may show those
            file.flush()
            _give(file.fileno(), target, mode)
            _flush(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _give(descriptor: int, target: Path, mode: int) -> None:
    """Let a new file belong to whom `target` belongs: a kernel run as root locks nobody out of their own.

    By the descriptor, never by name: whoever owns the folder could put a link in the file's place.
    """
    if hasattr(os, "geteuid") and target.exists() and (owner := target.stat()).st_uid != os.geteuid():
        with where_supported():
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    if mode != 0o600 and hasattr(os, "fchmod"):
        with where_supported():
            os.fchmod(descriptor, mode)


@contextmanager
def where_supported() -> Iterator[None]:
    """Change an owner or a mode where that is possible: a file is written all the same where it is not."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, PermissionError) and not is_not_supported(error):
            raise


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise


def replace(path: Path, target: Path) -> None:
    """Let `path` take the place of `target`, in one step."""
    for _ in range(50 if os.name == "nt" else 0):
        with suppress(PermissionError):  # Windows: somebody reads the file at this moment
            path.replace(target)
            return
        time.sleep(0.02)
    path.replace(target)


def write_whole(target: Path, content: bytes) -> None:
    """Write a private file: all of it, or nothing where that fails in the middle."""
    with temporary(target, lambda: content) as written:
        replace(written, target)


def sync(folder: Path) -> None:
    """Let new names in `folder`, too, survive a power cut, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_inside(folder: Path, files: Iterable[tuple[str, bytes]]) -> tuple[Path, ...]:
    """Write files under `folder`; nothing is written unless all of them belong there.

    Args:
        folder: where to; made if it is not there. Files of the same names are replaced by new ones.
        files: names and contents; the names use ``/`` and come from a server, so they may be anything.

    Returns:
        Where the files are, in the same order.

    Raises:
        InvalidResponseError: a name leads out of the folder (it is absolute, climbs, has a drive letter, or
            goes through a link), or is none that a use case has: hidden (``.git/…``, ``.env``), or what
            deployments (``project.json``, ``deployments/…``) or Python (``__pycache__/…``) keep there.
        ConfigError: the operating system refused, or something that is no file has that name.
    """
    try:
        targets = [(_place(folder, name), content) for name, content in files]
        folders = {parent for target, _ in targets for parent in target.parents}
        for target, _ in targets:
            if target in folders:
                raise _unsafe(target.name, "is a folder, too")
        for target, content in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = target.parent.stat().st_mode & 0o666  # as open to others as its folder
            with temporary(target, lambda content=content: content, mode) as written:  # type: ignore[misc]
                replace(written, target)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"The files cannot be written to {folder}: {reason}.",
            next_action="Choose another folder with into=…",
        ) from None
    return tuple(target for target, _ in targets)


#: What deployments keep in a folder: another's would send the next one elsewhere.
_KEPT = ("project.json", "version.json", "deployments")

#: How many bytes the name of a file may have on usual disks.
_LONGEST_NAME = 255


def _place(root: Path, name: str) -> Path:
    segments = name.split("/")
    # Backslash and colon are separators on Windows, which does not see dots and blanks at an end, either, and
    # would take such a name for another one; refusing all of them everywhere keeps one rule for all.
    is_plain = "\\" not in name and ":" not in name and name.isprintable()
    if not is_plain or not all(segment and segment == segment.rstrip(" .") for segment in segments):
        raise _unsafe(name, "would not stay in the chosen folder")
    folded = name.casefold().split("/")
    if folded[0] in _KEPT or any(each.startswith(".") or each == "__pycache__" for each in folded):
        raise _unsafe(name, "is no part of a use case")
    target = root
    for segment in segments:
        if len(os.fsencode(segment)) > _LONGEST_NAME:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{target.name[:200]} is there already, and is no folder")
        target /= segment
        if target.is_symlink():
            raise _unsafe(name, "would not stay in the chosen folder")
    # Other kinds of links that a system may have (junctions).
    if not target.resolve().is_relative_to(root.resolve()):
        raise _unsafe(name, "would not stay in the chosen folder")
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, f"{name[:200]} is there already, and is no file")
    return target


def _unsafe(name: str, why: str) -> InvalidResponseError:
    return InvalidResponseError(
        f"The server sent a file called {name[:200]!r}, which {why}; nothing was written.",
        code="unsafe-path",
        next_action="Do not trust this server with files, or tell whoever deployed that use case.",
    )
