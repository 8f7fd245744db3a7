"""Full-batch minimizers of a loss over parameters of manifolds and of flat space."""

from unitarygraph.minimize.driver import minimize

__all__ = ["minimize"]
