"""Which kernel computes which Op: a new `MatrixOp` is one line here."""

from collections.abc import Callable
from typing import Any

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.link.array import (
    cayley,
    det_phase,
    dft,
    eigh,
    expm_path,
    expm_skew,
    log_softmax,
    logm,
    lyapunov,
    modulus,
    nearest_special,
    newton_schulz,
    polar,
    positive,
    products,
    qr,
    solve,
    upper,
)
from unitarygraph.ops.cayley import Cayley, ShiftedSolve
from unitarygraph.ops.det_phase import DetPhase
from unitarygraph.ops.dft import DFT
from unitarygraph.ops.eigh import Eigh, PivotMask
from unitarygraph.ops.expm_path import ExpmPath
from unitarygraph.ops.expm_skew import ExpmSkew, SkewFrechet
from unitarygraph.ops.log_softmax import LogSoftmax, LogSoftmaxGrad
from unitarygraph.ops.logm import Logm, LogmFrechet
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.ops.nearest_special import NearestSpecial
from unitarygraph.ops.newton_schulz import NewtonSchulz, NewtonSchulzDerivative
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.positive import (
    NearestPositive,
    PositiveGuard,
    PositiveLog,
    PositiveLogDerivative,
    PositiveRoot,
)
from unitarygraph.ops.qr import QR, LowerHermitian
from unitarygraph.ops.rotations import Rotations, RotationsGrad
from unitarygraph.ops.rotations.array import rotations_array, rotations_grad_array
from unitarygraph.ops.stiefel_log import StiefelLog
from unitarygraph.ops.upper import UpperPart
from unitarygraph.stacked.ops import HConj, MatMul, Modulus, Norm, Quotient, Solve

# In place of a kernel: why there is none.
KERNELS: dict[type[MatrixOp], Callable[..., Any] | str] = {
    HConj: products.hconj_op,
    MatMul: products.matmul,
    Quotient: products.quotient,
    Solve: solve.solve,
    Norm: modulus.norm,
    Modulus: modulus.modulus,
    Cayley: cayley.cayley,
    ShiftedSolve: cayley.shifted_solve,
    DetPhase: det_phase.det_phase,
    DFT: dft.dft,
    Eigh: eigh.eigh,
    PivotMask: eigh.pivot_mask,
    ExpmPath: expm_path.path_exponential,
    ExpmSkew: expm_skew.skew_exponential,
    SkewFrechet: expm_skew.skew_frechet,
    LogSoftmax: log_softmax.log_softmax,
    LogSoftmaxGrad: log_softmax.log_softmax_grad,
    Logm: logm.logm,
    LogmFrechet: logm.logm_frechet,
    Lyapunov: lyapunov.lyapunov,
    NearestPositive: positive.nearest_positive,
    NearestSpecial: nearest_special.nearest_special,
    NewtonSchulz: newton_schulz.newton_schulz,
    NewtonSchulzDerivative: newton_schulz.newton_schulz_derivative,
    Polar: polar.polar,
    PositiveGuard: positive.positive_guard,
    PositiveLog: positive.positive_log,
    PositiveLogDerivative: positive.positive_log_derivative,
    PositiveRoot: positive.positive_root,
    QR: qr.qr,
    LowerHermitian: qr.lower_hermitian,
    Rotations: rotations_array,
    RotationsGrad: rotations_grad_array,
    StiefelLog: "the logarithm of Stiefel manifolds is an iteration on values, of unknown length",
    UpperPart: upper.upper_part,
}
# Functions ``(xp, op, inputs, outputs)`` that tell which matrices of a batch an Op refuses.
REFUSED = {Eigh: eigh.not_hermitian, ExpmSkew: expm_skew.not_skew, Logm: logm.not_unitary}
# Ops in which a number that is not finite reaches only the entries that are made of it.
ENTRYWISE = {
    HConj,
    MatMul,
    Quotient,
    Modulus,
    LogSoftmax,
    LogSoftmaxGrad,
    DFT,
    Rotations,
    RotationsGrad,
}


def kernel_of(op):
    """Kernel of an Op; NotImplementedError where there is none."""
    kernel = KERNELS.get(type(op), "")
    if isinstance(kernel, str):
        why = kernel and f": {kernel}"
        raise NotImplementedError(f"{type(op).__name__} has no kernel for JAX and PyTorch{why}")
    return kernel
