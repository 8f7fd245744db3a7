"""Manifolds of matrices: tangent spaces, retractions, geodesics, transport and distances.

>>> import unitarygraph as ug
>>> U = ug.manifolds.Unitary()
>>> U.random_point(4, rng=0).shape, U.dim((4, 4)), str(U)
((2, 4, 4), 16, 'Unitary(complex)')
"""

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.euclidean import Euclidean
from unitarygraph.manifolds.stiefel import Stiefel
from unitarygraph.manifolds.unitary import Unitary

__all__ = ["Euclidean", "Manifold", "Retraction", "Stiefel", "Unitary"]
