"""Full-batch minimisers of a loss over parameters of manifolds and of flat space."""

from unitarygraph.minimize.minimize import minimize

__all__ = ["minimize"]
