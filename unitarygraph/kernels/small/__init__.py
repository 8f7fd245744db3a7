"""Batches of small matrices in machine code, one matrix in each lane of a vector register.

A *lane function* is the algorithm of an Op for L matrices at once, L = 8 in float64 and 16 in float32,
written as for one of them: its numbers (`lane_numbers`) are registers with a lane for each matrix.
Arrays have the lane as last axis, ``a[m, n, L]`` for real matrices, ``a[2, m, n, L]`` for complex
ones, ``[n, L]`` for vectors, and ``at(a, i, j)`` is entry (i, j) of either, so that one source
serves both fields. Where lanes differ, `choose` selects, and loops run until all of them are done.

`driver` makes of it the *kernel* of an Op for a dtype: a C function ``int32(intp)`` of the address of a
table of integers,

    addresses of the inputs that the Op reads, addresses of the outputs, count, alone, lengths

arrays C-contiguous with all their batch axes as one of length ``count``, the lengths those of the
signature's letters in order of appearance. It loads L matrices at a time into lanes (`load`), a last
block that is not full with copies of its last matrix; computes matrices with NaN or an infinity as
zeros and gives NaN for them; and returns DONE, or LARGE where `MatrixOp.compute` should take over:
beyond the Op's border, where the lane function says so, and, unless ``alone``, where so much is to
do that it repays threads, which `driver.Kernel` divides the batch for.

To give an Op its kernel: its class says ``small = Small("NAME", largest=BORDER)``, and the module
``NAME`` here has ``lane_function(op) -> driver.LaneFunction``, compiled by ``@njit`` with ``OPTIONS``:
``function(*inputs read, *outputs, *work)``. Nothing is compiled or imported before the first call
with matrices up to the border; then kernels stay in numba's cache on disk. Compiled graphs
call them by variables that hold their addresses (`unitarygraph.link.numba.callback.Cell`).

Primitives: `products` (A B, A B^H, A^H B), `matrices` (sums, multiples, identity, norms), `linear`
(elimination with each lane's own pivots, solution).
"""
