"""What commands need of this machine: signals, ports, addresses."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the process where it stands."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    names = [signal.SIGINT, signal.SIGTERM]
    before = [(name, signal.signal(name, stop)) for name in names]
    try:
        yield stopped
    finally:
        for name, handler in before:
            signal.signal(name, handler)


def free_port(first: int) -> int:
    """`first` if nobody listens there, else one that the system finds."""
    if is_free(first):
        return first
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def own_address() -> str:
    """The address by which other machines reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of documentation's; nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
