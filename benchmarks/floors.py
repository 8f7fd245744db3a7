"""Floors: the bare linear algebra that no implementation of the work can leave out."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from threadpoolctl import ThreadpoolController

from benchmarks.machine import cores


def eigenvectors_and_products(a, products=5):
    """Callable: the eigendecomposition of a skew-Hermitian matrix and n x n complex products."""
    hermitian = -1j * a

    def run():
        _, v = np.linalg.eigh(hermitian)
        out = np.empty_like(v)
        for _ in range(products):
            np.matmul(v, v, out=out)

    return run


def products(count, n, dtype):
    """Callable: ``count`` products of n x n matrices."""
    a = np.full((n, n), 1 / n, dtype)
    out = np.empty_like(a)

    def run():
        for _ in range(count):
            np.matmul(a, a, out=out)

    return run


def recurrence(drive, w):
    """Callable: each step's products, forward, backward and dW, on operands that stay in cache.

    ``drive`` ``(T, B, n)`` gives the sizes, ``w`` ``(n, k)`` one matrix or those of all gates.
    Batch rows are divided over the cores and BLAS has one thread each: at the sizes here as fast as
    BLAS's own threads, or twice as fast.
    """
    T, B, _ = drive.shape
    workers = min(cores(), B)
    ends = np.linspace(0, B, workers + 1).astype(int)
    jobs = [_steps(T, stop - start, w) for start, stop in pairwise(ends)]
    pool, blas = ThreadPoolExecutor(workers), ThreadpoolController()

    def run():
        with blas.limit(limits=1, user_api="blas"):
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    return run


def _steps(T, rows, w):
    n, k = w.shape
    h, z = np.ones((rows, n), w.dtype), np.ones((rows, k), w.dtype)
    adjoint, transposed = np.ascontiguousarray(w.conj().T), np.ascontiguousarray(h.T)
    forward, backward, w_bar = np.empty_like(z), np.empty_like(h), np.empty_like(w)

    def run():
        for _ in range(T):
            np.matmul(h, w, out=forward)
        for _ in range(T):
            np.matmul(z, adjoint, out=backward)
            np.matmul(transposed, z, out=w_bar)

    return run
