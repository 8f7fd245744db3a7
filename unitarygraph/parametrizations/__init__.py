"""Unconstrained parameters of unitary matrices."""

from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.dtriv import DynamicTrivialization
from unitarygraph.parametrizations.exp import Exp

__all__ = ["DynamicTrivialization", "Exp", "Parametrization"]
