"""What a run asks of its process: time to stop, threads of BLAS, and memory that it keeps."""

from __future__ import annotations

import ctypes
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from threadpoolctl import threadpool_limits

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Context in which the first Ctrl-C or SIGTERM only sets :attr:`signal`.

    Shared variables are thus never left between two updates. A second one acts as it would
    without us, for a step that takes too long.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python delivers signals to the main thread only
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._put_back()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._put_back()

    def _put_back(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())


# Numbers of glibc's mallopt.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


@contextmanager
def resources(blas_threads: int) -> Iterator[None]:
    """Hold BLAS to so many threads (0: as it chooses) and keep freed memory for reuse."""
    keep_freed_memory()
    with threadpool_limits(blas_threads or None, user_api="blas"):
        yield


def keep_freed_memory() -> bool:
    """Keep large freed arrays for the next step instead of returning them to the system.

    A training step frees and takes again arrays of all time steps; every page of memory that came
    fresh from the system costs at its first touch, a quarter of a step in all. Holds for the rest
    of the process, under glibc; elsewhere nothing is done and False returned.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    # No array of its own mapping, and no freed memory back, whatever the size.
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
