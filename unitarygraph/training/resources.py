"""What a run takes of its process: threads of BLAS, and memory that it keeps."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

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
