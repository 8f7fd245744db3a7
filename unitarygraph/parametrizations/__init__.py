"""Unconstrained parameters of unitary matrices."""

from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.columns import LeadingColumns, LeadingRows, semi_unitary
from unitarygraph.parametrizations.diagonal import Diagonal
from unitarygraph.parametrizations.dissolved import Dissolved
from unitarygraph.parametrizations.dtriv import DynamicTrivialization
from unitarygraph.parametrizations.fourier_reflection import FourierReflection
from unitarygraph.parametrizations.givens import Givens
from unitarygraph.parametrizations.householder import Householder
from unitarygraph.parametrizations.kronecker import Kronecker
from unitarygraph.parametrizations.nonnormal import NonNormal
from unitarygraph.parametrizations.point import Point
from unitarygraph.parametrizations.skew import Cayley, Exp, ScaledCayley
from unitarygraph.parametrizations.svd import SVD

__all__ = [
    "SVD",
    "Cayley",
    "Diagonal",
    "Dissolved",
    "DynamicTrivialization",
    "Exp",
    "FourierReflection",
    "Givens",
    "Householder",
    "Kronecker",
    "LeadingColumns",
    "LeadingRows",
    "NonNormal",
    "Parametrization",
    "Point",
    "ScaledCayley",
    "semi_unitary",
]
