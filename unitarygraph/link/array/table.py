"""Which kernel computes which Op: a new `MatrixOp` is one line here."""

from unitarygraph.link.array import (
    cayley,
    eigh,
    expm_path,
    expm_skew,
    log_softmax,
    logm,
    lyapunov,
    modulus,
    newton_schulz,
    polar,
    products,
    qr,
    solve,
    upper,
)
from unitarygraph.ops.cayley import Cayley, ShiftedSolve
from unitarygraph.ops.eigh import Eigh, PivotMask
from unitarygraph.ops.expm_path import ExpmPath
from unitarygraph.ops.expm_skew import ExpmSkew, SkewFrechet
from unitarygraph.ops.log_softmax import LogSoftmax, LogSoftmaxGrad
from unitarygraph.ops.logm import Logm, LogmFrechet
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.ops.newton_schulz import NewtonSchulz, NewtonSchulzDerivative
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR, LowerHermitian
from unitarygraph.ops.upper import UpperPart
from unitarygraph.stacked.modulus import Modulus, Norm
from unitarygraph.stacked.products import HConj, MatMul
from unitarygraph.stacked.solve import Solve

KERNELS = {
    HConj: products.hconj_op,
    MatMul: products.matmul,
    Solve: solve.solve,
    Norm: modulus.norm,
    Modulus: modulus.modulus,
    Cayley: cayley.cayley,
    ShiftedSolve: cayley.shifted_solve,
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
    NewtonSchulz: newton_schulz.newton_schulz,
    NewtonSchulzDerivative: newton_schulz.newton_schulz_derivative,
    Polar: polar.polar,
    QR: qr.qr,
    LowerHermitian: qr.lower_hermitian,
    UpperPart: upper.upper_part,
}
# Functions ``(xp, op, inputs, outputs)`` that tell which matrices of a batch an Op refuses.
REFUSED = {Eigh: eigh.not_hermitian, ExpmSkew: expm_skew.not_skew, Logm: logm.not_unitary}
# Ops in which a number that is not finite reaches only the entries that are made of it.
ENTRYWISE = {HConj, MatMul, Modulus, LogSoftmax, LogSoftmaxGrad}


def kernel_of(op):
    """Kernel of an Op; NotImplementedError where there is none."""
    if type(op) not in KERNELS:
        raise NotImplementedError(f"{type(op).__name__} has no kernel for JAX and PyTorch")
    return KERNELS[type(op)]
