"""Unitary matrices as layers of Givens rotations, and the layers of a given matrix."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.ops.recurrence import rotation_recurrence
from unitarygraph.ops.rotations import STYLES, rotations
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import special_matrix, unitary_matrix
from unitarygraph.stacked.functions import mul, stack
from unitarygraph.stacked.typing import Array, Seed


class Givens(Parametrization):
    r""":math:`W = F_1 F_2 \cdots F_L D`, as h W: L layers of rotations of pairs, and phases (EUNN).

    :math:`D = \mathrm{diag}(e^{i\omega})`, which a state meets last; the layers are those of
    `unitarygraph.rotations`, with blocks :math:`\begin{pmatrix} e^{i\phi}\cos\theta &
    -e^{i\phi}\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}` at the pairs of neighbors (0,1),
    (2,3), ... and (1,2), (3,4), ... in turn (``style="tunable"``), or at pairs at the distances
    n/2, n/4, ..., 1 (``"fft"``). In the real field there are no phi and omega: rotations as in the
    GORU.

    Parameters: theta and phi ``(L, n // 2)``, omega ``(n,)``, together L n + n for even n, L (n-1) + n
    for odd n; half of that in theta alone, in the real field. In the second layer and each second one
    after it an even n has one pair less, whose angles are stored and not read
    (`free_parameters` leaves them out). The FFT form has L = log2 n. `product` costs O(L n) for
    each row, W is that of the identity's rows, O(L n^2). L = n reaches all of U(n) (real: SO(n)), with
    exactly n^2 parameters that are read, and `set_value` is the inverse map.

    ``diagonal="first"`` is :math:`D F_1 \cdots F_L`, the published formula read as a product with rows.
    The phases of :math:`F_1` stand beside those of D there and none behind the last rotations, so that
    L = n does not reach all of U(n): 3 of 4 dimensions at n = 2, 13 of 16 at n = 4.

    Parameters
    ----------
    n : int; a power of 2 for the FFT form
    capacity : L, of the tunable form, at least 1; published: even numbers, 2 the smallest. The FFT
        form has its own and ignores it.
    style : "tunable" or "fft"
    diagonal : "last" or "first"
    field : "complex" or "real"
    rng : seed or numpy Generator; angles are drawn from U(-pi, pi), as published
    dtype : "float32" or "float64", by default ``pytensor.config.floatX``
    name : the params are ``<name>/theta``, ``<name>/phi`` and ``<name>/omega``

    Raises ValueError for styles, capacities and n that there are not. Sources: Jing et al. (2017),
    "Tunable efficient unitary neural networks (EUNN) and their application to RNNs", and, real,
    "Gated orthogonal recurrent units".
    """

    #: `product` in each step is faster than W made once from this n on, and from so many times L on:
    #: where all steps are one Op, and where they are a scan (docs/structured.md has the measurements)
    structured_from = 16
    structured_from_layers = 8
    scanned_from = 512
    scanned_from_layers = 64

    def __init__(
        self,
        n: int,
        *,
        capacity: int | None = 2,
        style: str = "tunable",
        diagonal: str = "last",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        if style not in STYLES:
            raise ValueError(f"style: expected one of {', '.join(STYLES)}, got {style!r}")
        if style == "fft":
            if n & (n - 1):
                raise ValueError(f"Givens: style 'fft' needs n a power of 2, got n = {n}")
            capacity = n.bit_length() - 1
        elif not isinstance(capacity, int | np.integer) or capacity < 1:
            raise ValueError(f"capacity: expected an integer of at least 1, got {capacity!r}")
        if diagonal not in ("last", "first"):
            raise ValueError(f"diagonal: expected 'last' or 'first', got {diagonal!r}")
        self.capacity, self.style, self.diagonal = int(capacity), style, diagonal
        rng = np.random.default_rng(rng)
        shapes: dict[str, tuple[int, ...]] = {"theta": (self.capacity, n // 2)}
        if field == "complex":
            shapes |= {"phi": shapes["theta"], "omega": (n,)}
        self._angles = [
            self.parameter(rng.uniform(-np.pi, np.pi, shape), f"{name}/{key}")
            for key, shape in shapes.items()
        ]

    def matrix(self) -> TensorVariable:
        return self.product(self.matrices.eye(self.n, self.dtype))

    def product(self, h):
        theta, *rest = self._angles
        if not rest:
            return rotations(h, theta, style=self.style)
        phi, omega = rest
        D = stack(pt.cos(omega)[None, :], pt.sin(omega)[None, :])
        if self.diagonal == "first":
            return rotations(mul(h, D), theta, phi, style=self.style)
        return mul(rotations(h, theta, phi, style=self.style), D)

    def set_value(self, W: Array) -> None:
        """Set the angles by elimination (`clements.rotations_of`), for the tunable form with L >= n.

        Layers beyond n become the identity. Raises ValueError for a W that is not unitary (real: of
        SO(n)), NotImplementedError for what does not reach all of U(n): other forms, fewer layers, D
        first.
        """
        who = "Givens.set_value"
        complete = self.style == "tunable" and self.capacity >= self.n
        if not complete or (self.diagonal == "first" and self.field == "complex"):
            raise NotImplementedError(
                f"{who}: has no inverse map for style {self.style!r}, {self.capacity} layers and "
                f"diagonal {self.diagonal!r}, only for 'tunable', at least n = {self.n} and 'last'"
            )
        check = unitary_matrix if self.field == "complex" else special_matrix
        angles = rotations_of(check(who, W, self.n, self.field, self.dtype))
        for variable, found in zip(self._angles, angles, strict=False):
            value = np.zeros(variable.type.shape, self.dtype)
            value[: len(found)] = found
            variable.set_value(value)

    def prefers_structure(self) -> bool:
        """From n = `scanned_from` and n = `scanned_from_layers` times L on."""
        return self.n >= max(self.scanned_from, self.scanned_from_layers * self.capacity)

    def prefers_structured_recurrence(self) -> bool:
        """From n = `structured_from` and n = `structured_from_layers` times L on."""
        return self.n >= max(self.structured_from, self.structured_from_layers * self.capacity)

    def structured_recurrence(
        self, drive: Any, h0: Any, bias: Any, activation: str, mask: Any
    ) -> TensorVariable | None:
        # Who changes what the product is means the recurrence too.
        if type(self).product is not Givens.product:
            return None
        return rotation_recurrence(
            drive,
            *self._angles,
            h0=h0,
            bias=bias,
            activation=activation,
            mask=mask,
            style=self.style,
            diagonal=self.diagonal,
        )

    def own_free_parameters(self) -> int:
        """Number of parameters that are read."""
        unread = self.capacity // 2 if self.style == "tunable" and self.n % 2 == 0 else 0
        return super().own_free_parameters() - unread * (2 if self.field == "complex" else 1)


def rotations_of(W):
    r"""Angles ``theta, phi (n, n // 2), omega (n,)`` with :math:`W = F_1 \cdots F_n D`; real: ``theta``.

    W is a unitary NumPy matrix ``(n, n)``, real W of determinant 1; the factors are those of
    `unitarygraph.parametrizations.Givens`. Entries below the diagonal are eliminated along
    antidiagonals by turns from the right and from the left, so that the n(n-1)/2 rotations pack into
    n layers. O(n^3).

    Source: Clements, Humphreys, Metcalf, Kolthammer and Walmsley (2016), "Optimal design for universal
    multiport interferometers".
    """
    n = len(W)
    turns, phases = (_real if np.isrealobj(W) else _complex)(*_eliminate(W.copy()), n)
    theta, phi = np.zeros((2, n, n // 2))
    free = np.zeros(n, int)
    for k, t, p in turns:
        layer = max(free[k], free[k + 1])
        layer += (layer + k) % 2
        free[k] = free[k + 1] = layer + 1
        theta[layer, k // 2], phi[layer, k // 2] = t, p
    return (theta,) if np.isrealobj(W) else (theta, phi, np.angle(phases))


def _eliminate(U):
    """Factors (k, 2 x 2 unitary matrix) left and right of a diagonal matrix, and its entries."""
    n = len(U)
    left, right = [], []
    for i in range(n - 1):
        for j in range(i + 1):
            if (n - i) % 2:
                row, k = n - 1 - j, i - j
                u, v = U[row, k : k + 2]
                M = _turn(np.array([[v, np.conj(u)], [-u, np.conj(v)]]))
                U[:, k : k + 2] = U[:, k : k + 2] @ M
                right.append((k, M.conj().T))
            else:
                k, column = n - 2 - i + j, j
                u, v = U[k : k + 2, column]
                M = _turn(np.array([[np.conj(u), np.conj(v)], [-v, u]]))
                U[k : k + 2] = M @ U[k : k + 2]
                left.append((k, M.conj().T))
    return left, np.diagonal(U), right[::-1]


def _turn(M):
    """The matrix over its determinant's root; the identity for zero."""
    size = np.hypot(abs(M[1, 0]), abs(M[1, 1]))
    return M / size if size else np.eye(2, dtype=M.dtype)


def _complex(left, diagonal, right, n):
    """(k, theta, phi) from the left, the diagonal matrix moved behind them all, and its entries."""
    turns, d = [], np.ones(n, complex)
    for part in (left, right):
        for k, M in part:
            M = d[k : k + 2, None] * M
            s, c = abs(M[1, 0]), abs(M[1, 1])
            a, b = _phase(M[1, 0]), _phase(M[1, 1])
            # The phase of the first row by its larger entry.
            e = _phase(M[0, 0]) / a if c > s else -_phase(M[0, 1]) / b
            turns.append((k, np.arctan2(s, c), np.angle(e)))
            d[k : k + 2] = a, b
        if part is left:
            d = d * diagonal
    return turns, d


def _real(left, diagonal, right, n):
    """Likewise; the signs that are left over become half turns, two neighbors at a time."""
    signs = np.ones(n)
    turns = []
    for part in (left, right):
        turns += [(k, np.arctan2(M[1, 0], M[0, 0]) * signs[k] * signs[k + 1]) for k, M in part]
        signs = np.sign(diagonal)
    # Behind the last rotation now: back through them, R diag(a, b) = diag(a, b) R^(ab).
    wanted = np.cumprod(signs) < 0
    result = []
    for k, t in reversed(turns):
        t = t * signs[k] * signs[k + 1]
        if wanted[k]:
            t, wanted[k] = t + np.pi, False
            signs[k : k + 2] *= -1
        result.append((k, t, 0.0))
    return result[::-1], signs


def _phase(z):
    """z / |z|, 1 for zero."""
    return z / abs(z) if z else 1.0
