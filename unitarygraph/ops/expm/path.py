r"""Matrix exponential, its Frechet derivative and all higher ones, as one family of Ops.

The member of order k is

.. math:: P_k(A; E_1, \dots, E_k) = \int e^{s_0 A} E_1 e^{s_1 A} \cdots E_k e^{s_k A}

over :math:`s_i \ge 0, \sum s_i = 1`: the block (0, k) of the exponential of the block-bidiagonal
matrix with A on the diagonal and :math:`E_1, \dots, E_k` above it. Order 0 is exp A, order 1 the
Frechet derivative :math:`L_A(E)`, the upper-right block of :math:`\exp[[A, E], [0, A]]`. The family
is closed under differentiation: a tangent in A puts a further factor at each place of the path, and
the adjoint of the factor at one place is the path reversed around it, in :math:`A^H` and
:math:`E^H`.

Sources: Al-Mohy and Higham, SIAM J. Matrix Anal. Appl. 30 (2009) 1639, for order 1; Higham and
Relton, ibid. 35 (2014) 1019, for higher orders. The numbers are made by `taylor`, for one matrix, and by
`array`, for whole batches.
"""

import numpy as np

from unitarygraph.core.array import hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.ops.expm import array, taylor
from unitarygraph.ops.expm.taylor_scaling import HIGHEST_ORDER
from unitarygraph.stacked.algebra import algebra

# Up to here compiled code makes the products as fast as BLAS does, without what surrounds them.
SMALL = Small("expm", largest=32)


class ExpmPath(MatrixOp):
    r""":math:`P_k(A; E_1, \dots, E_k)` of the module's head; order k >= 0.

    ``structure="general"`` keeps the rewrites from replacing the Op by the eigenvalue path when they
    see that A is skew-Hermitian. With ``adjoint`` the value is that at :math:`A^H`, the input being A,
    without a transpose in memory. Raises NotImplementedError for orders above 17, of which a polynomial
    of degree 18 has one coefficient at most.
    """

    __props__ = ("field", "order", "structure", "adjoint")

    def __init__(self, field="complex", order=0, structure="detect", adjoint=False):
        if order > HIGHEST_ORDER:
            raise NotImplementedError(
                f"ExpmPath: order must be at most {HIGHEST_ORDER}, got {order}: the polynomials of "
                "the exponential have no derivative of so high an order to any accuracy"
            )
        self.order = order
        self.structure = structure
        self.adjoint = adjoint
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

    @property
    def small(self):
        """Small matrices: the exponential and its first derivative."""
        return SMALL if self.order <= 1 else None

    def matrix(self, a, *directions):
        a = np.ascontiguousarray(a.conj().T) if self.adjoint else a
        return taylor.path_exponential(a, directions)

    def array(self, xp, a, *directions):
        a = hconj(xp, a) if self.adjoint else a
        return array.path_exponential(xp, a, directions)

    def of_order(self, order, adjoint):
        """The member of another order, at A or at its adjoint."""
        return type(self)(self.field, order, self.structure, adjoint)

    def pullback(self, inputs, outputs, cotangents):
        a, *e = inputs
        (g,) = cotangents
        matrices = algebra(self.field)
        eh = [matrices.hconj(x) for x in e]

        def adjoint(before, after):
            """Cotangent of the factor that stands between ``before`` and ``after``."""
            path = [*reversed(eh[:before]), g, *reversed(eh[after:])]
            return self.of_order(len(path), not self.adjoint)(a, *path)

        # A new factor may stand at each of the k + 1 places of the path.
        a_bar = sum_or_disconnected(adjoint(i, i) for i in range(self.order + 1))
        a_bar = matrices.hconj(a_bar) if self.adjoint else a_bar
        return [a_bar, *(adjoint(i, i + 1) for i in range(self.order))]

    def pushforward(self, inputs, outputs, tangents):
        a, *e = inputs
        da, *de = tangents
        terms = []
        if is_connected(da):
            da = algebra(self.field).hconj(da) if self.adjoint else da
            path = self.of_order(self.order + 1, self.adjoint)
            terms += [path(a, *e[:i], da, *e[i:]) for i in range(self.order + 1)]
        terms += [self(a, *e[:i], d, *e[i + 1 :]) for i, d in enumerate(de) if is_connected(d)]
        return [sum_or_disconnected(terms)]
