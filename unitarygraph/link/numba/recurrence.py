"""Numba implementations of `Recurrence` and `RecurrenceGrad`."""

from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.link.numba import recurrence_complex, recurrence_real
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.ops.recurrence import Recurrence
from unitarygraph.ops.recurrence_grad import RecurrenceGrad

KERNELS = {"real": recurrence_real, "complex": recurrence_complex}


@register_funcify_default_op_cache_key(Recurrence)
def numba_recurrence(op, node, **kwargs):
    """Shapes checked, then the kernel of the field."""
    kernel = KERNELS[op.field].forward_kernel(op.activation, op.masked, op.inplace)
    check = shape_check(op.field, op.activation == "modrelu", op.masked)

    @numba_njit
    def numba_recurrence(drive, W, h0, bias, mask):
        check(drive, W, h0, bias, mask)
        return kernel(drive, W, h0, bias, mask)

    return numba_recurrence, CACHE_VERSION


@register_funcify_default_op_cache_key(RecurrenceGrad)
def numba_recurrence_grad(op, node, **kwargs):
    """The kernel of the field; ``drive`` is not read."""
    kernel = KERNELS[op.field].backward_kernel(
        op.activation, op.masked, op.from_states, op.from_last, op.inplace
    )

    @numba_njit
    def numba_recurrence_grad(drive, W, h0, bias, mask, states, moduli, states_bar, last_bar):
        return kernel(W, h0, bias, mask, states, moduli, states_bar, last_bar)

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
