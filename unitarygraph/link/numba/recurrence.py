"""Numba implementations of `Recurrence` and `RecurrenceGrad`.

The compiled graph checks shapes, allocates results and calls back; the call divides the batch over
threads, each in a kernel of `recurrence_real` or `recurrence_complex`. So kernels are compiled once
for all graphs, in place of once more in each.
"""

import ctypes
from functools import cache

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.link.numba import recurrence_complex, recurrence_real
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.callback import DONE, INTP, array_at, external
from unitarygraph.link.numba.memory import prefer_huge_pages
from unitarygraph.link.numba.threads import row_blocks, run_together
from unitarygraph.ops.recurrence import Recurrence
from unitarygraph.ops.recurrence_grad import RecurrenceGrad

KERNELS = {"real": recurrence_real, "complex": recurrence_complex}
_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def kernel_of(direction, field, dtype, activation):
    """A kernel as a C function of a table's address, which releases the GIL; and its owner."""
    make = getattr(KERNELS[field], f"{direction}_kernel")
    compiled = make(dtype, activation)
    return _C_FUNCTION(compiled.address), compiled


def run_rows(kernel, tables):
    """Call a kernel once for each table, all at a time."""
    run_together(lambda table: kernel(table.ctypes.data), tables)


def forward_callback(op, dtype):
    """``[drive, W, h0, bias, mask, states, last, moduli, T, B, n]`` to the kernel."""
    kernel, _ = kernel_of("forward", op.field, dtype.type, op.activation)
    planes = (2,) if op.field == "complex" else ()

    def forward(address):
        drive, W, h0, bias, mask, states, last, moduli, T, B, n = map(
            int, array_at(address, (11,), INTP)
        )
        shape = (T, *planes, B, n)
        all_states = array_at(states, shape, dtype)
        if states != drive:
            prefer_huge_pages(all_states)
        factors = array_at(W, (*planes, n, n), dtype)
        if planes:
            factors = np.stack([factors[0], factors[1], factors[0] + factors[1]])
            prefer_huge_pages(array_at(moduli, (T, B, n) if op.keeps_moduli else (0,), dtype))
        if B and n:
            fixed = (drive, factors.ctypes.data, h0, bias, mask, states, moduli, T, B, n)
            blocks = row_blocks(B, T * B * n * n)
            run_rows(kernel, [np.array([*fixed, a, b, op.masked], np.int64) for a, b in blocks])
        start = array_at(h0, (*planes, B, n), dtype)
        array_at(last, (*planes, B, n), dtype)[...] = all_states[-1] if T else start

    return forward


def backward_callback(op, dtype):
    """``[W, h0, bias, mask, states, moduli, states_bar, last_bar, 4 results, T, B, n]``."""
    kernel, _ = kernel_of("backward", op.field, dtype.type, op.activation)
    planes = (2,) if op.field == "complex" else ()

    def backward(address):
        W, h0, bias, mask, states, moduli, states_bar, last_bar, *results, T, B, n = map(
            int, array_at(address, (15,), INTP)
        )
        drive_bar, W_bar, h0_bar, bias_bar = results
        if states_bar != drive_bar:
            prefer_huge_pages(array_at(drive_bar, (T, *planes, B, n), dtype))
        factors = array_at(W, (*planes, n, n), dtype)
        if planes:
            factors = np.stack([factors[0], factors[1], factors[0] - factors[1]])
        blocks = row_blocks(B, 2 * T * B * n * n) if B and n else []
        parts = np.zeros((len(blocks), *factors.shape), dtype)
        bias_parts = np.zeros((len(blocks), n))
        flags = (op.masked, op.from_states, op.from_last)
        before = (states_bar, factors.ctypes.data, last_bar, bias, mask, states, moduli, h0)
        tables = [
            np.array(
                [*before, drive_bar, p.ctypes.data, h0_bar, s.ctypes.data, T, B, n, a, b, *flags],
                np.int64,
            )
            for p, s, (a, b) in zip(parts, bias_parts, blocks, strict=True)
        ]
        if tables:
            run_rows(kernel, tables)
        total = parts.sum(axis=0)
        if planes:
            p, q, r = total
            total = np.stack([p + q, r - p + q])
        array_at(W_bar, (*planes, n, n), dtype)[...] = total
        if op.activation == "modrelu":
            array_at(bias_bar, (n,), dtype)[...] = bias_parts.sum(axis=0)

    return backward


def name_of(op, dtype):
    """Name of an Op's symbol."""
    properties = "_".join(str(getattr(op, name)) for name in op.__props__)
    return f"unitarygraph_{type(op).__name__}_{properties}_{dtype}_{CACHE_VERSION}"


@register_funcify_default_op_cache_key(Recurrence)
def numba_recurrence(op, node, **kwargs):
    """Shapes checked, results allocated, then `forward_callback`."""
    dtype = np.dtype(node.outputs[0].type.dtype)
    run = external(name_of(op, dtype), lambda: forward_callback(op, dtype))
    check = shape_check(op.field, op.activation == "modrelu", op.masked)
    inplace, keeps_moduli = op.inplace, op.keeps_moduli

    @numba_njit
    def numba_recurrence(drive, W, h0, bias, mask):
        check(drive, W, h0, bias, mask)
        T, B, n = drive.shape[0], drive.shape[-2], drive.shape[-1]
        drive, W, h0 = (
            np.ascontiguousarray(drive),
            np.ascontiguousarray(W),
            np.ascontiguousarray(h0),
        )
        bias, mask = np.ascontiguousarray(bias), np.ascontiguousarray(mask)
        states = drive if inplace else np.empty(drive.shape, drive.dtype)
        last = np.empty(h0.shape, drive.dtype)
        moduli = np.empty((T, B, n) if keeps_moduli else (0, 0, 0), drive.dtype)
        table = np.empty(11, np.intp)
        table[0], table[1], table[2] = drive.ctypes.data, W.ctypes.data, h0.ctypes.data
        table[3], table[4], table[5] = bias.ctypes.data, mask.ctypes.data, states.ctypes.data
        table[6], table[7] = last.ctypes.data, moduli.ctypes.data
        table[8], table[9], table[10] = T, B, n
        status = run(table.ctypes.data)
        # Numba frees an array after its last use, so each is used once more after the call.
        alive = table.size + drive.size + W.size + h0.size + bias.size + mask.size
        if status != DONE or alive < 0:
            raise RuntimeError("recurrence: the computation failed")
        return states, last, moduli

    return numba_recurrence, CACHE_VERSION


@register_funcify_default_op_cache_key(RecurrenceGrad)
def numba_recurrence_grad(op, node, **kwargs):
    """Results allocated, then `backward_callback`; the values of ``drive`` are not read."""
    dtype = np.dtype(node.outputs[0].type.dtype)
    run = external(name_of(op, dtype), lambda: backward_callback(op, dtype))
    inplace = op.inplace

    @numba_njit
    def numba_recurrence_grad(drive, W, h0, bias, mask, states, moduli, states_bar, last_bar):
        T, B, n = states.shape[0], states.shape[-2], states.shape[-1]
        W, h0, bias = np.ascontiguousarray(W), np.ascontiguousarray(h0), np.ascontiguousarray(bias)
        mask, states = np.ascontiguousarray(mask), np.ascontiguousarray(states)
        moduli, states_bar = np.ascontiguousarray(moduli), np.ascontiguousarray(states_bar)
        last_bar = np.ascontiguousarray(last_bar)
        drive_bar = states_bar if inplace else np.empty(states.shape, states.dtype)
        W_bar, h0_bar = np.empty(W.shape, W.dtype), np.empty(h0.shape, h0.dtype)
        bias_bar = np.empty(bias.shape, bias.dtype)
        table = np.empty(15, np.intp)
        table[0], table[1], table[2] = W.ctypes.data, h0.ctypes.data, bias.ctypes.data
        table[3], table[4], table[5] = mask.ctypes.data, states.ctypes.data, moduli.ctypes.data
        table[6], table[7] = states_bar.ctypes.data, last_bar.ctypes.data
        table[8], table[9] = drive_bar.ctypes.data, W_bar.ctypes.data
        table[10], table[11] = h0_bar.ctypes.data, bias_bar.ctypes.data
        table[12], table[13], table[14] = T, B, n
        status = run(table.ctypes.data)
        # Numba frees an array after its last use, so each is used once more after the call.
        alive = table.size + W.size + h0.size + bias.size + mask.size + states.size + moduli.size
        if status != DONE or alive + states_bar.size + last_bar.size < 0:
            raise RuntimeError("recurrence: the computation of the gradient failed")
        return drive_bar, W_bar, h0_bar, bias_bar

    return numba_recurrence_grad, CACHE_VERSION


def shape_check(field, has_bias, masked):
    """The conditions of `Recurrence.sizes` at run time; numba wants the messages constant."""
    stacked = field == "complex"
    plane = "2, " if stacked else ""
    planes = f"recurrence: drive, W and h0 must be ({plane}...) with the planes on that axis"
    wrong_W = f"recurrence: W must be ({plane}n, n) with drive's n"
    wrong_h0 = f"recurrence: h0 must be ({plane}B, n) with drive's B and n"
    wrong_bias = "recurrence: bias must be (n,) with drive's n"
    wrong_mask = "recurrence: mask must be (T, B) with drive's T and B"

    @numba_njit
    def check(drive, W, h0, bias, mask):
        B, n = drive.shape[-2], drive.shape[-1]
        if stacked and (drive.shape[1] != 2 or W.shape[0] != 2 or h0.shape[0] != 2):
            raise ValueError(planes)
        if W.shape[-2] != n or W.shape[-1] != n:
            raise ValueError(wrong_W)
        if h0.shape[-2] != B or h0.shape[-1] != n:
            raise ValueError(wrong_h0)
        if has_bias and len(bias) != n:
            raise ValueError(wrong_bias)
        if masked and (mask.shape[0] != drive.shape[0] or mask.shape[1] != B):
            raise ValueError(wrong_mask)

    return check
