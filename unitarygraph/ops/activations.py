"""Nonlinearities of the unitary-RNN lineage, as symbolic graphs on stacked complex and real tensors.

Complex z is stacked ``(..., 2, B, n)``, real z ``(..., n)``; the result has z's shape and dtype. All
are called ``f(z, field=...)``, modReLU with its bias. A complex variable or NumPy complex array z, of
any number of axes, is in the complex field and gives a complex variable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.ops.group_sort import groupsort, oplu
from unitarygraph.stacked.typing import Array, M, Value
from unitarygraph.stacked.variables import mark

F = TypeVar("F", bound=Callable[..., Any])

MODRELU_EPS = 1e-5
# max(x / 10, x), as in the oRNN
LEAKY_SLOPE = 0.1

#: what the lineage's codes add to |z|^2 under the root, to the modulus, and to the denominator
MODRELU_VARIANTS = {
    "root": (MODRELU_EPS, 0, 0),
    "urnn": (0, 0, 1e-5),
    "wisdom": (1e-5, 0, 1e-5),
    "eunn": (0, 1e-2, 0),
    "projunn": (0, 0, 1e-6),
}


def takes_complex(activation: F) -> F:
    """A function of stored tensors that takes complex variables and arrays as well."""

    @wraps(activation)
    def taking_complex(z, *args, **options):
        if not is_complex(z):
            return activation(z, *args, **options)
        given = signature(activation).bind(z, *args, **options).arguments
        if given.get("field", "complex") == "real":
            raise ValueError(f"{activation.__name__}: z is complex, got field='real'")
        stored = pt.as_tensor_variable(storage(z))
        # Numbers and vectors are matrices of one row: the planes stand before two axes.
        missing = max(0, 3 - stored.type.ndim)
        axes = tuple(range(1, 1 + missing))
        y = activation(pt.expand_dims(stored, axes), *args, **options)
        return mark(y.squeeze(axis=axes) if axes else y)

    return cast(F, taking_complex)


@takes_complex
def modrelu(z: M | Array, bias: Value, field: str = "complex", variant: str = "root") -> M:
    r"""ReLU of the modulus, the phase untouched.

    Complex, ``z`` stacked ``(..., 2, B, n)``: :math:`z \max(m + b, 0) / m` with
    :math:`m = \sqrt{|z|^2 + \epsilon}`, :math:`\epsilon` = 1e-5 inside the root so that the gradient
    at 0 is finite. Real, ``z`` ``(..., n)``: :math:`\operatorname{sign}(z) \max(|z| + b, 0)`.
    ``bias`` is ``(n,)``; the dtype is that of ``z``.

    ``variant``, of the complex field, is how a published code keeps the denominator from 0:
    "root" as above; "urnn" :math:`z \max(|z| + b, 0)/(|z| + 10^{-5})`; "wisdom"
    :math:`z \max(m + b, 0)/(m + 10^{-5})`; "eunn" m = \|z\| + 0.01; "projunn" as "urnn" with 1e-6.

    Sources: Arjovsky, Shah, Bengio (2016), eq. 8; Lezcano-Casado, Martinez-Rubio (2019), real form;
    the codes of the uRNN, of Wisdom et al. (2016), EUNN (Jing et al., 2017) and projUNN (Kiani et al.,
    2022).
    """
    if variant not in MODRELU_VARIANTS:
        raise ValueError(
            f"modrelu: variant must be one of {', '.join(MODRELU_VARIANTS)}, got {variant!r}"
        )
    if field == "real":
        if variant != "root":
            raise ValueError(f"modrelu: the real form has no variants, got {variant!r}")
        return pt.sign(z) * pt.maximum(abs(z) + bias, 0)
    inside, shift, beside = (np.asarray(eps, z.type.dtype) for eps in MODRELU_VARIANTS[variant])  # type: ignore[union-attr]
    square = pt.sum(z * z, axis=-3, keepdims=True)
    m = pt.sqrt(square + inside) if inside else _modulus(square)
    m = m + shift if shift else m
    return z * (pt.maximum(m + bias, 0) / (m + beside if beside else m))


@takes_complex
def relu(z, field="complex"):
    """``max(z, 0)``; a stacked complex tensor is split into its real and imaginary part."""
    return pt.maximum(z, 0)


@takes_complex
def crelu(z, field="complex"):
    """ReLU of real and imaginary part apart (Trabelsi et al., 2018): `relu` of a complex z."""
    _only_complex("crelu", field)
    return relu(z)


@takes_complex
def leaky_relu(z, field="complex", slope=LEAKY_SLOPE):
    """``z`` where z > 0, else ``slope z``; real and imaginary part apart (Maas et al., 2013).

    The slope is that of Mhammedi et al. (2017).
    """
    return pt.switch(_fixed(z) <= 0, np.asarray(slope, z.type.dtype) * z, z)


@takes_complex
def tanh(z, field="complex"):
    """Hyperbolic tangent; a stacked complex tensor is split into its real and imaginary part."""
    return pt.tanh(z)


@takes_complex
def identity(z, field="complex"):
    """``z`` itself: the linear recurrence."""
    return z


@takes_complex
def zrelu(z, field="complex"):
    """``z`` where real and imaginary part are both at least 0, else 0 (Guberman, 2016)."""
    _only_complex("zrelu", field)
    inside = pt.all(pt.ge(_fixed(z), 0), axis=-3, keepdims=True)
    return pt.switch(inside, z, pt.zeros_like(z))


@takes_complex
def cardioid(z, field="complex"):
    r""":math:`z\,(1 + \cos\arg z)/2`: ReLU on the real line, the phase untouched.

    Where :math:`|z|` is below about 1e-13 (float32; 1e-102 in float64), the cosine goes down to 0
    at z = 0, so that value and gradient are finite everywhere.

    Source: Virtue, Yu and Lustig (2017).
    """
    _only_complex("cardioid", field)
    half = np.asarray(0.5, z.type.dtype)
    cosine = z[..., :1, :, :] / _modulus(pt.sum(z * z, axis=-3, keepdims=True))
    return z * (half * (1 + cosine))


@takes_complex
def hirose(z, field="complex", m=1.0):
    r""":math:`\tanh(|z|/m^2)\,e^{i \arg z}`; in the real field :math:`\tanh(z/m^2)`.

    ``m`` is a number or a tensor that broadcasts with n. Near 0, :math:`|z|/m^2 < 10^{-2}`, tanh(r)/r
    is its series in r^2: value and gradient, there :math:`1/m^2`, are finite at z = 0.

    Source: Hirose (1992); the form is Wolter and Yao's (2018).
    """
    square_of_m = pt.sqr(pt.as_tensor_variable(m, dtype=z.type.dtype))
    scaled = z / square_of_m
    if field == "real":
        return pt.tanh(scaled)
    square = pt.sum(scaled * scaled, axis=-3, keepdims=True)
    small = _fixed(square) < 1e-4
    r = pt.sqrt(pt.switch(small, pt.ones_like(square), square))
    series = 1 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315)))
    return scaled * pt.switch(small, series.astype(z.type.dtype), pt.tanh(r) / r)


ACTIVATIONS = {
    "modrelu": modrelu,
    "relu": relu,
    "crelu": crelu,
    "zrelu": zrelu,
    "leaky_relu": leaky_relu,
    "cardioid": cardioid,
    "hirose": hirose,
    "tanh": tanh,
    "identity": identity,
    "oplu": takes_complex(oplu),
    "groupsort": takes_complex(groupsort),
}
#: those that mix features; the others work on each number alone
MIXING = ("oplu", "groupsort")


@dataclass(frozen=True)
class Activation:
    """What the recurrence computes with, of one activation, in each of its forms.

    Of real numbers, or of real and imaginary parts apart; the modReLU of complex numbers is written
    where it is computed. A cotangent of z is a function of h = f(z): z is not stored.
    """

    #: f(z), whole arrays of a namespace: ``(xp, z, bias)``
    value: Callable
    #: cotangent of z: ``(xp, h, h_bar)``
    slope: Callable
    #: f(z), one entry in compiled loops: ``(z, bias, zero, constant)``, the last two in z's dtype
    entry: Callable
    #: cotangent of z: ``(h, h_bar, zero, constant)``
    entry_slope: Callable
    #: z from h = f(z), one entry: ``(h, bias, zero, constant)``; None where h does not tell z. The
    #: modReLU's is for a bias of at least 0.
    entry_inverse: Callable | None = None
    #: the number that entries are computed with
    constant: float = 1.0
    #: whether there is a bias within
    biased: bool = False


# Comparisons of entries are written so that NaN takes the branch that keeps it.
def _modrelu_entry(z, bias, zero, constant):
    a = abs(z) + bias
    a = zero if a <= zero or z == zero else a
    return -a if z < zero else a


def _modrelu_entry_inverse(h, bias, zero, constant):
    a = abs(h) - bias
    a = zero if a <= zero or h == zero else a
    return -a if h < zero else a


#: the activations that `unitarygraph.recurrence` has; `ACTIVATIONS` has more, for loops of their own
RECURRENT = {
    "modrelu": Activation(
        value=lambda xp, z, bias: xp.sign(z) * xp.maximum(xp.abs(z) + bias, xp.zeros_like(z)),
        slope=lambda xp, h, h_bar: xp.where(h == 0, xp.zeros_like(h_bar), h_bar),
        entry=_modrelu_entry,
        entry_slope=lambda h, h_bar, zero, constant: zero if h == zero else h_bar,
        entry_inverse=_modrelu_entry_inverse,
        biased=True,
    ),
    "relu": Activation(
        value=lambda xp, z, bias: xp.where(z <= 0, xp.zeros_like(z), z),
        slope=lambda xp, h, h_bar: xp.where(h > 0, h_bar, h * 0),
        entry=lambda z, bias, zero, constant: zero if z <= zero else z,
        entry_slope=lambda h, h_bar, zero, constant: zero if h <= zero else h_bar,
    ),
    "leaky_relu": Activation(
        value=lambda xp, z, bias: xp.where(z > 0, z, LEAKY_SLOPE * z),
        slope=lambda xp, h, h_bar: xp.where(h > 0, h_bar, LEAKY_SLOPE * h_bar),
        entry=lambda z, bias, zero, constant: z if z > zero else constant * z,
        entry_slope=lambda h, h_bar, zero, constant: h_bar if h > zero else constant * h_bar,
        entry_inverse=lambda h, bias, zero, constant: h if h > zero else h / constant,
        constant=LEAKY_SLOPE,
    ),
    "tanh": Activation(
        value=lambda xp, z, bias: xp.tanh(z),
        slope=lambda xp, h, h_bar: (1 - h * h) * h_bar,
        entry=lambda z, bias, zero, constant: np.tanh(z),
        entry_slope=lambda h, h_bar, zero, constant: (constant - h * h) * h_bar,
    ),
    "identity": Activation(
        value=lambda xp, z, bias: z,
        slope=lambda xp, h, h_bar: h_bar,
        entry=lambda z, bias, zero, constant: z,
        entry_slope=lambda h, h_bar, zero, constant: h_bar,
        entry_inverse=lambda h, bias, zero, constant: h,
    ),
}


def activate(name, z, bias=None, field="complex", **options):
    """Apply the activation called ``name``, with options of its own; only modReLU reads ``bias``."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    if name == "modrelu":
        return modrelu(z, bias, field=field, **options)
    return ACTIVATIONS[name](z, field=field, **options)


def _modulus(square):
    """Root of |z|^2, which is kept so far from 0 that its derivatives do not overflow."""
    least = np.finfo(square.type.dtype).tiny ** (2 / 3)
    return pt.sqrt(pt.maximum(square, np.asarray(least, square.type.dtype)))


def _fixed(z):
    """``z`` for a condition: PyTensor's gradient of a comparison is a zero in floatX, not z's dtype."""
    return disconnected_grad(z)


def _only_complex(name, field):
    if field != "complex":
        raise ValueError(
            f"{name}: needs the complex field, got {field!r}; on the reals it is 'relu'"
        )
