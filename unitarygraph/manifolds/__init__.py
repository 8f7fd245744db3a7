"""Manifolds of matrices: tangent spaces, retractions, geodesics, transport and distances.

>>> import unitarygraph as ug
>>> U = ug.manifolds.Unitary()
>>> U.random_point(4, rng=0).shape, U.dim((4, 4)), str(U)
((2, 4, 4), 16, 'Unitary(complex)')
"""

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.euclidean import Euclidean
from unitarygraph.manifolds.generalized_stiefel import GeneralizedStiefel
from unitarygraph.manifolds.grassmann import Grassmann
from unitarygraph.manifolds.hermitian import Hermitian, SkewHermitian
from unitarygraph.manifolds.positive_definite import PositiveDefinite
from unitarygraph.manifolds.product import Product
from unitarygraph.manifolds.special_unitary import SpecialUnitary
from unitarygraph.manifolds.stiefel import Stiefel
from unitarygraph.manifolds.symplectic_stiefel import SymplecticStiefel
from unitarygraph.manifolds.unit_vectors import ComplexCircle, Oblique, Sphere
from unitarygraph.manifolds.unitary import Unitary

__all__ = [
    "ComplexCircle",
    "Euclidean",
    "GeneralizedStiefel",
    "Grassmann",
    "Hermitian",
    "Manifold",
    "Oblique",
    "PositiveDefinite",
    "Product",
    "Retraction",
    "SkewHermitian",
    "SpecialUnitary",
    "Sphere",
    "Stiefel",
    "SymplecticStiefel",
    "Unitary",
]
