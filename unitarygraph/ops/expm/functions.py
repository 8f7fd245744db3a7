"""Matrix exponential and its Frechet derivative: the user's functions."""

from typing import Any, Literal, overload

from pytensor.tensor.variable import TensorVariable

from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField, Value
from unitarygraph.stacked.variables import ComplexVariable


@overload
def expm(
    A: ComplexVariable, skew_hermitian: bool | None = None, field: ComplexField = None
) -> ComplexVariable: ...
@overload
def expm(
    A: TensorVariable, skew_hermitian: bool | None = None, field: RealField = None
) -> TensorVariable: ...
@overload
def expm(
    A: TensorVariable, skew_hermitian: bool | None = None, *, field: Literal["complex"]
) -> ComplexVariable: ...
@overload
def expm(A: ArrayLike, skew_hermitian: bool | None = None, field: Field | None = None) -> Any: ...
def expm(A: Any, skew_hermitian: bool | None = None, field: Any = None) -> Any:
    r"""Matrix exponential, ``(..., 2, n, n) -> (..., 2, n, n)``, dtype of A (float32 or float64).

    Parameters
    ----------
    A : stacked complex tensor, or plain ``(..., n, n)`` with ``field="real"``
    skew_hermitian : bool, optional
        True: A is skew-Hermitian (skew-symmetric in the real field) and its eigenvalues are used,
        :math:`A = V \mathrm{diag}(i w) V^H`, :math:`\exp A = V \mathrm{diag}(e^{i w}) V^H`, which
        is unitary to rounding; the value is that of the skew-Hermitian part of A, and an A with
        another part beyond rounding is refused at run time with ValueError. None: the eigenvalue
        path is taken where the graph shows that A is skew-Hermitian. False: never.
    field : "complex" or "real"

    The gradient is :math:`\bar A = L_{A^H}(\bar Y)`, the Frechet derivative at :math:`A^H`: the
    upper-right block of the exponential of a 2n x 2n matrix, computed in pairs of n x n matrices.
    Gradients of any order exist. NaN or infinity in a matrix gives NaN. Raises ValueError for shapes
    and TypeError for dtypes. Source: Al-Mohy and Higham (2009).
    """
    field, (A,) = operands("expm", field, A=A)
    if skew_hermitian:
        return result(field, ExpmSkew(field)(A)[0])
    structure = "detect" if skew_hermitian is None else "general"
    return result(field, ExpmPath(field, 0, structure)(A))


@overload
def expm_frechet(A: ComplexVariable, E: Value, field: ComplexField = None) -> ComplexVariable: ...
@overload
def expm_frechet(A: Value, E: ComplexVariable, field: ComplexField = None) -> ComplexVariable: ...
@overload
def expm_frechet(
    A: TensorVariable, E: TensorVariable, field: RealField = None
) -> TensorVariable: ...
@overload
def expm_frechet(A: Value, E: Value, field: Field | None = None) -> Any: ...
def expm_frechet(A: Any, E: Any, field: Any = None) -> Any:
    r"""Frechet derivative of the matrix exponential, :math:`L_A(E)`, linear in E.

    ``(..., 2, n, n), (..., 2, n, n) -> (..., 2, n, n)``, dtype of the inputs, which must agree. It is
    the upper-right block of :math:`\exp[[A, E], [0, A]]`. Gradients of any order; errors as `expm`.
    Source: Al-Mohy and Higham (2009), algorithm 6.4.
    """
    field, (A, E) = operands("expm_frechet", field, A=A, E=E)
    return result(field, ExpmPath(field, 1)(A, E))
