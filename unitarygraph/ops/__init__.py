"""Differentiable matrix functions and the recurrence, one idea a file."""

from unitarygraph.ops.cayley import cayley
from unitarygraph.ops.dft import dft
from unitarygraph.ops.eigh import eigh
from unitarygraph.ops.expm import expm, expm_frechet
from unitarygraph.ops.logm import logm
from unitarygraph.ops.newton_schulz import newton_schulz
from unitarygraph.ops.polar import polar
from unitarygraph.ops.qr import qr
from unitarygraph.ops.recurrence import diagonal_recurrence, recurrence
from unitarygraph.ops.rotations import rotations
from unitarygraph.ops.upper import skew_from_upper

__all__ = [
    "cayley",
    "dft",
    "diagonal_recurrence",
    "eigh",
    "expm",
    "expm_frechet",
    "logm",
    "newton_schulz",
    "polar",
    "qr",
    "recurrence",
    "rotations",
    "skew_from_upper",
]
