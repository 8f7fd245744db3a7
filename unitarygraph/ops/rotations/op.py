"""Rows through layers of Givens rotations: a unitary product in O(n) a layer."""

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import pullback, pushforward

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views
from unitarygraph.ops.rotations.array import rotations_array, rotations_grad_array
from unitarygraph.ops.rotations.graph import rotations_grad_graph, rotations_graph
from unitarygraph.ops.rotations.reference import rotate, rotate_back
from unitarygraph.stacked.operands import require_real
from unitarygraph.stacked.typing import Array, M, Value
from unitarygraph.stacked.variables import mark

STYLES = ("tunable", "fft")


class RotationsOp(MatrixOp):
    """What `Rotations` and its adjoint share: the style and the shapes it asks for."""

    __props__ = ("field", "style")
    title = "rotations"
    entrywise = True

    def __init__(self, field="complex", style="tunable"):
        if style not in STYLES:
            raise ValueError(f"rotations: style must be one of {', '.join(STYLES)}, got {style!r}")
        self.style = style
        super().__init__(field)

    @property
    def conditions(self):
        """Angles as many as pairs; FFT: as many layers as n has."""
        angles = (("p == n // 2", "theta must be (..., layers, n // 2)"),)
        if self.style == "tunable":
            return angles
        return (*angles, ("n == 0 or n == 2 ** l", "style 'fft' needs n = 2^layers"))

    @property
    def angles(self):
        """Number of angles of a rotation."""
        return 2 if self.field == "complex" else 1


class Rotations(RotationsOp):
    """`rotations` as an Op: inputs h, theta and, complex, phi."""

    @property
    def arguments(self):
        return ("h", "theta", "phi")[: 1 + self.angles]

    @property
    def signature(self):
        return f"F(b,n){',R(l,p)' * self.angles}->F(b,n)"

    def array(self, xp, h, theta, phi=None):
        return rotations_array(xp, self, h, theta, phi)

    def compute(self, inputs, outputs):
        h, *angles = inputs
        for index in np.ndindex(angles[0].shape[:-2]):
            outputs[0][index] = rotate(h[index], [a[index] for a in angles], self.style)

    def pullback(self, inputs, outputs, cotangents):
        """The layers backward, from the result: `RotationsGrad`."""
        _, *angles = inputs
        y_bar = in_dtype_of(outputs[0], cotangents[0])
        return RotationsGrad(self.field, self.style)(outputs[0], y_bar, *angles, return_list=True)

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the graph of all layers."""
        return pushforward_of(
            lambda *x: [rotations_graph(self.field, self.style, *x)], inputs, tangents
        )


class RotationsGrad(RotationsOp):
    r"""Adjoint of `Rotations` from its result y: cotangents of h, theta and, complex, phi.

    A layer gives :math:`y_i = c a_i + s h_j, y_j = c h_j - s a_i` with :math:`a_i = e^{i\phi} h_i`, so
    :math:`\bar\theta = \mathrm{Re} \sum (\bar y_i^* y_j - \bar y_j^* y_i)`,
    :math:`\bar\phi = \mathrm{Im} \sum \bar a_i a_i^*`, sums over rows; y and its cotangent then go
    through the inverse rotation. No state between the layers is stored.
    """

    @property
    def arguments(self):
        return ("y", "y_bar", "theta", "phi")[: 2 + self.angles]

    @property
    def signature(self):
        angles = ",R(l,p)" * self.angles
        return f"F(b,n),F(b,n){angles}->F(b,n){angles}"

    def array(self, xp, y, y_bar, theta, phi=None):
        return rotations_grad_array(xp, self, y, y_bar, theta, phi)

    def compute(self, inputs, outputs):
        y, y_bar, *angles = inputs
        for index in np.ndindex(angles[0].shape[:-2]):
            results = rotate_back(y[index], y_bar[index], [a[index] for a in angles], self.style)
            for out, result in zip(outputs, results, strict=True):
                out[index] = result

    def reference(self, *inputs):
        """The results as a graph."""
        return rotations_grad_graph(self.field, self.style, *inputs)

    def pullback(self, inputs, outputs, cotangents):
        """Pullback of the graph of all layers."""
        connected = [k for k, c in enumerate(cotangents) if is_connected(c)]

        def bars(*variables):
            copies, seeds = variables[: len(inputs)], variables[len(inputs) :]
            results = self.reference(*copies)
            return pullback(
                [results[k] for k in connected],
                list(copies),
                list(seeds),
                disconnected_inputs="ignore",
            )

        return on_views(
            bars, [*inputs, *(in_dtype_of(outputs[k], cotangents[k]) for k in connected)]
        )

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the graph of all layers."""
        return pushforward_of(self.reference, inputs, tangents)


def pushforward_of(graph, inputs, tangents):
    """Tangents of the graph's results along those tangents of its inputs that are connected."""
    moving = [k for k, t in enumerate(tangents) if is_connected(t)]

    def dots(*variables):
        copies, directions = variables[: len(inputs)], variables[len(inputs) :]
        return pushforward(
            graph(*copies),
            [copies[k] for k in moving],
            list(directions),
            disconnected_outputs="ignore",
        )

    return on_views(dots, [*inputs, *(in_dtype_of(inputs[k], tangents[k]) for k in moving)])


def rotations(h: M | Array, theta: Value, phi: Value | None = None, style: str = "tunable") -> M:
    r"""Rows through layers of Givens rotations, :math:`h F_1 F_2 \cdots F_L`.

    Each layer rotates disjoint pairs (i, j) of coordinates: :math:`F_l` has there the block
    :math:`\begin{pmatrix} e^{i\phi}\cos\theta & -e^{i\phi}\sin\theta \\ \sin\theta & \cos\theta
    \end{pmatrix}`.

    ========  =====================  ================
    argument  complex                real (no phi)
    ========  =====================  ================
    h         ``(..., 2, b, n)``     ``(..., b, n)``
    theta     ``(..., L, n // 2)``   the same
    phi       ``(..., L, n // 2)``   None
    result    as h                   as h
    ========  =====================  ================

    A complex variable or NumPy array h gives a complex variable; without phi the real rotations then turn
    both its parts. Angles are real.

    ``style="tunable"``: layers alternate between the pairs (0,1), (2,3), ... and (1,2), (3,4), ...; a
    coordinate without partner stays, and an angle without pair (the last of each second layer of an
    even n) is not read. ``style="fft"``: layer l pairs coordinates at distance n / 2^l; n = 2^L.

    O(L n) a row, forward and backward; the gradient runs the layers backward and stores nothing
    between. Derivatives of second order and those forward are graphs with some ten nodes a layer,
    right and slower, for static shapes only (else NotImplementedError). Raises ValueError for
    shapes, TypeError for dtypes. Source: Jing et al. (2017), "Tunable efficient unitary neural
    networks (EUNN)".
    """
    require_real("rotations", theta=theta, phi=phi)
    field = "real" if phi is None else "complex"
    stored, theta = pt.as_tensor_variable(storage(h)), pt.as_tensor_variable(theta)
    if is_complex(h) and phi is None:
        # The planes are two rows of a batch.
        theta = theta[..., None, :, :]
    angles = [theta] if phi is None else [theta, phi]
    turned = Rotations(field, style)(stored, *angles)
    return mark(turned) if is_complex(h) else turned
