"""What to call before one trusts a graph."""

from unitarygraph.checks.deviation import matrix_unitarity
from unitarygraph.checks.gradient import GradientCheck, check_gradient
from unitarygraph.checks.hessian import HessianCheck, check_hessian
from unitarygraph.checks.retraction import RetractionCheck, check_retraction

__all__ = [
    "GradientCheck",
    "HessianCheck",
    "RetractionCheck",
    "check_gradient",
    "check_hessian",
    "check_retraction",
    "matrix_unitarity",
]
