"""Unconstrained parameters of unitary matrices."""

from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.exp import Exp

__all__ = ["Exp", "Parametrization"]
