r"""Constraint dissolving: any unconstrained optimiser on a matrix that should stay on a manifold.

Minimise :math:`f(A(X)) + \frac{\beta}{2} |C(X)|^2` over free matrices X, with a map A that keeps the
points of the manifold and undoes a violation C to first order. Source: Xiao, Liu, Toh (2024),
"Dissolving constraints for Riemannian optimization", Mathematics of Operations Research 49.
"""

from unitarygraph.dissolving.dissolve import dissolve, quad_penalty
from unitarygraph.dissolving.symplectic_stiefel import SymplecticStiefel

__all__ = ["SymplecticStiefel", "dissolve", "quad_penalty"]
