"""What to call before one trusts a graph."""

from unitarygraph.checks.gradient import GradientCheck, check_gradient
from unitarygraph.checks.retraction import RetractionCheck, check_retraction
from unitarygraph.checks.unitarity import unitarity

__all__ = [
    "GradientCheck",
    "RetractionCheck",
    "check_gradient",
    "check_retraction",
    "unitarity",
]
