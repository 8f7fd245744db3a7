r"""Matrix exponential, its Frechet derivative and all higher ones, as one family of Ops.

The member of order k is

.. math:: P_k(A; E_1, \dots, E_k) = \int e^{s_0 A} E_1 e^{s_1 A} \cdots E_k e^{s_k A}

over :math:`s_i \ge 0, \sum s_i = 1`: the block (0, k) of the exponential of the block-bidiagonal
matrix with A on the diagonal and :math:`E_1, \dots, E_k` above it. Order 0 is exp A, order 1 the
Frechet derivative :math:`L_A(E)`, the upper-right block of :math:`\exp[[A, E], [0, A]]`. The family
is closed under differentiation: a tangent in A puts a further factor at each place of the path, and
the adjoint of the factor at one place is the path reversed around it, in :math:`A^H` and
:math:`E^H`.

Sources: Al-Mohy and Higham, SIAM J. Matrix Anal. Appl. 30 (2009) 1639, for order 1 and the
thresholds; Higham and Relton, ibid. 35 (2014) 1019, for higher orders.
"""

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from unitarygraph.stacked.matrix_op import MatrixOp
from unitarygraph.stacked.products import HConj
from unitarygraph.stacked.tangents import is_connected, sum_or_disconnected

# Numerator coefficients of the diagonal Pade approximants to exp, lowest power first.
PADE = {
    3: (120.0, 60.0, 12.0, 1.0),
    5: (30240.0, 15120.0, 3360.0, 420.0, 30.0, 1.0),
    7: (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0),
    9: (
        17643225600.0,
        8821612800.0,
        2075673600.0,
        302702400.0,
        30270240.0,
        2162160.0,
        110880.0,
        3960.0,
        90.0,
        1.0,
    ),
    13: (
        64764752532480000.0,
        32382376266240000.0,
        7771770303897600.0,
        1187353796428800.0,
        129060195264000.0,
        10559470521600.0,
        670442572800.0,
        33522128640.0,
        1323241920.0,
        40840800.0,
        960960.0,
        16380.0,
        182.0,
        1.0,
    ),
}
# Largest 1-norm of A for which the approximant and its derivative are exact to rounding:
# Al-Mohy and Higham (2009), table 6.1, for float64; for float32 the thresholds of the exponential
# itself (Higham 2005), reduced in the proportion that the table shows.
THRESHOLDS = {
    "float64": ((3, 1.08e-2), (5, 2.00e-1), (7, 7.83e-1), (9, 1.78), (13, 4.74)),
    "float32": ((3, 3.0e-1), (5, 1.4), (7, 3.1)),
}


class ExpmPath(MatrixOp):
    r""":math:`P_k(A; E_1, \dots, E_k)` of the module's head; order k >= 0.

    ``structure="general"`` keeps the rewrites from replacing the Op by the eigenvalue path when they
    see that A is skew-Hermitian.
    """

    __props__ = ("field", "order", "structure")

    def __init__(self, field="complex", order=0, structure="detect"):
        self.order = order
        self.structure = structure
        super().__init__(field)

    @property
    def title(self):
        """The user's name of the function."""
        return "expm" if self.order == 0 else "expm_frechet"

    @property
    def arguments(self):
        """Names of the inputs."""
        if self.order == 1:
            return ("A", "E")
        return ("A", *(f"E{i + 1}" for i in range(self.order)))

    @property
    def signature(self):
        """A and the k directions, all of one shape."""
        return ",".join(["F(n,n)"] * (self.order + 1)) + "->F(n,n)"

    def matrix(self, a, *directions):
        return path_exponential(a, directions)

    def of_order(self, order):
        """The member of another order."""
        return type(self)(self.field, order, self.structure)

    def pullback(self, inputs, outputs, cotangents):
        a, *e = inputs
        (g,) = cotangents
        hconj = HConj(self.field)
        ah, eh = hconj(a), [hconj(x) for x in e]

        def adjoint(before, after):
            """Cotangent of the factor that stands between ``before`` and ``after``."""
            path = [*reversed(eh[:before]), g, *reversed(eh[after:])]
            return self.of_order(len(path))(ah, *path)

        # A new factor may stand at each of the k + 1 places of the path.
        a_bar = sum_or_disconnected(adjoint(i, i) for i in range(self.order + 1))
        return [a_bar, *(adjoint(i, i + 1) for i in range(self.order))]

    def pushforward(self, inputs, outputs, tangents):
        a, *e = inputs
        da, *de = tangents
        terms = []
        if is_connected(da):
            terms += [
                self.of_order(self.order + 1)(a, *e[:i], da, *e[i:]) for i in range(self.order + 1)
            ]
        terms += [self(a, *e[:i], d, *e[i + 1 :]) for i, d in enumerate(de) if is_connected(d)]
        return [sum_or_disconnected(terms)]


def path_exponential(a, directions):
    """:math:`P_k` for one matrix A and a sequence of k directions, by scaling and squaring.

    Order and scaling come from A alone, by its 1-norm: the result is linear in each direction, whose
    magnitude is taken out first (as a power of two, so exactly) and put back at the end.
    """
    k = len(directions)
    dtype = a.real.dtype
    norm = np.linalg.norm(a, 1)
    order, limit = next(
        (row for row in THRESHOLDS[dtype.name] if norm <= row[1]), THRESHOLDS[dtype.name][-1]
    )
    squarings = max(0, int(np.ceil(np.log2(norm / limit)))) if norm > limit else 0
    shrink = dtype.type(0.5**squarings)
    sizes = [np.exp2(np.floor(np.log2(size))) for e in directions if (size := np.abs(e).max()) > 0]
    if len(sizes) < k:
        return np.zeros_like(a)

    x = {(0, 0): a * shrink}
    for i, (e, size) in enumerate(zip(directions, sizes, strict=True)):
        x[i, i + 1] = (e / size) * shrink
    x = pade_approximant(x, order, k)
    for _ in range(squarings):
        x = block_product(x, x, k)
    value = x[0, k]
    for size in sizes:
        value = value * size
    return value


def block_product(x, y, k):
    """Product of (k+1)-block upper-triangular matrices whose diagonal blocks are all equal.

    A matrix is a dict of its blocks (i, j), i <= j; (0, 0) stands for the whole diagonal and a zero
    block is left out. With k = 1 these are pairs, (X, dX)(Y, dY) = (X Y, X dY + dX Y): three
    products in place of eight.
    """
    z = {(0, 0): x[0, 0] @ y[0, 0]}
    for i in range(k):
        for j in range(i + 1, k + 1):
            terms = [
                left @ right
                for m in range(i, j + 1)
                if (left := block(x, i, m)) is not None and (right := block(y, m, j)) is not None
            ]
            if terms:
                z[i, j] = sum(terms[1:], start=terms[0])
    return z


def block(x, i, j):
    """Block (i, j) of a dict of blocks, None when it is zero."""
    return x.get((0, 0) if i == j else (i, j))


def combination(coefficients, matrices):
    """Linear combination of dicts of blocks; coefficients in the precision of the blocks."""
    total = {}
    for c, x in zip(coefficients, matrices, strict=True):
        for key, value in x.items():
            term = value.real.dtype.type(c) * value
            total[key] = total[key] + term if key in total else term
    return total


def pade_approximant(x, order, k):
    """Diagonal Pade approximant to exp at a block matrix: V - U and V + U, and a block solve."""
    # Divided by the first one, so that float32 holds them all.
    b = np.array(PADE[order]) / PADE[order][0]
    powers = {2: block_product(x, x, k)}
    for p in range(4, min(order, 7 if order == 13 else order), 2):
        powers[p] = block_product(powers[p - 2], powers[2], k)
    if order == 13:
        low, high = (2, 4, 6), (8, 10, 12)
        six = powers[6]
        odd, even = (
            combination(
                [1, *(b[p + shift] for p in low)],
                [
                    block_product(
                        six,
                        combination([b[p + shift] for p in high], [powers[p - 6] for p in high]),
                        k,
                    ),
                    *(powers[p] for p in low),
                ],
            )
            for shift in (1, 0)
        )
    else:
        odd, even = (
            combination([b[p + shift] for p in powers], powers.values()) for shift in (1, 0)
        )
    diagonal = np.arange(x[0, 0].shape[0])
    odd[0, 0][diagonal, diagonal] += odd[0, 0].real.dtype.type(b[1])
    even[0, 0][diagonal, diagonal] += even[0, 0].real.dtype.type(b[0])
    odd = block_product(x, odd, k)
    return block_solve(combination([1, -1], [even, odd]), combination([1, 1], [even, odd]), k)


def block_solve(d, n, k):
    """D^{-1} N for block matrices, from the diagonal outwards, on one LU of the diagonal block."""
    lu = lu_factor(d[0, 0], check_finite=False)
    z = {(0, 0): lu_solve(lu, n[0, 0], check_finite=False)}
    for gap in range(1, k + 1):
        for i in range(k + 1 - gap):
            j = i + gap
            right = n[i, j]
            for m in range(i + 1, j + 1):
                if (left := block(d, i, m)) is not None:
                    right = right - left @ block(z, m, j)
            z[i, j] = lu_solve(lu, right, check_finite=False)
    return z
