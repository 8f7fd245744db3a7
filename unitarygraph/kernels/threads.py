"""Threads of a kernel: each runs its own rows of the batch, on one-threaded BLAS.

The products of a recurrence are too small to repay the start of BLAS threads at every step, so a
batch is divided once. As many threads are used as numba has (`numba.set_num_threads`,
``NUMBA_NUM_THREADS``), and no more than ``OMP_NUM_THREADS``. Without threadpoolctl BLAS cannot be
held to one thread; it then keeps its own and the batch is not divided.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import numba
import scipy.linalg.cython_blas  # noqa: F401  (loads the library to be found)

# Rows and arithmetic below which a further thread costs more than it saves.
FEWEST_ROWS, LEAST_WORK = 8, 2e6


@cache
def controllers():
    """Controllers of the BLAS libraries that SciPy loaded; none without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple(c for c in loaded if "scipy.libs" in c.filepath) or tuple(loaded)


@contextmanager
def one_blas_thread():
    """SciPy's BLAS, the one that numba calls, on one thread."""
    before = [(c, c.get_num_threads()) for c in controllers()]
    for controller, _ in before:
        controller.set_num_threads(1)
    try:
        yield
    finally:
        for controller, count in before:
            controller.set_num_threads(count)


def thread_count():
    """Threads that a kernel may use."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    count = numba.get_num_threads()
    return min(count, max(1, int(limit))) if limit.isdigit() else count


def row_blocks(rows: int, work: float):
    """The rows as one block [first, last) a thread; ``work`` counts multiplications in all."""
    threads = thread_count() if controllers() else 1
    count = max(1, int(min(threads, rows // FEWEST_ROWS, work // LEAST_WORK)))
    bounds = [rows * i // count for i in range(count + 1)]
    return list(pairwise(bounds))


@cache
def _pool(process: int):
    """Threads beside the calling one; a forked process makes its own."""
    return ThreadPoolExecutor(max(1, numba.config.NUMBA_NUM_THREADS - 1), "unitarygraph")


def run_in_threads(function: Callable, arguments: list):
    """Call a function with each argument, the first in this thread; it must release the GIL."""
    first, *rest = arguments
    with one_blas_thread():
        waiting = [_pool(os.getpid()).submit(function, argument) for argument in rest]
        function(first)
        for future in waiting:
            future.result()
