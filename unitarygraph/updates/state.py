"""Numbers that rules are given, and shared variables in which they remember."""

import numpy as np
import pytensor
import pytensor.tensor as pt


def scalar(value, p, name):
    """A rule's number (float, NumPy scalar, shared or symbolic scalar) in p's dtype.

    Raises ValueError when it is not a scalar.
    """
    number = pt.as_tensor_variable(value)
    if number.type.ndim:
        raise ValueError(f"{name} must be a scalar, got shape {number.type.shape}")
    if number.owner is None and hasattr(number, "data"):
        return pt.constant(np.asarray(number.data, p.type.dtype))
    return number.astype(p.type.dtype)


def zeros_like(p, rule, what):
    """Shared zeros of p's shape and dtype, named ``<p>/<rule>/<what>``."""
    return zeros(p, rule, what, np.shape(p.get_value(borrow=True)))


def zeros(p, rule, what, shape, dtype=None):
    """Shared zeros of a given shape, by default of p's dtype, named ``<p>/<rule>/<what>``."""
    value = np.zeros(shape, p.type.dtype if dtype is None else dtype)
    variable = pytensor.shared(value, name=f"{p.name}/{rule}/{what}", shape=value.shape)
    variable.tag.state_of = p
    return variable


def is_state_of(variable, p):
    """Whether a rule remembers something about the parameter p in the shared variable."""
    return getattr(variable.tag, "state_of", None) is p


def zeros_of_mean_square(p, manifold, rule, what):
    """Shared zeros in the shape of ``manifold.mean_square`` at p."""
    value = p.get_value(borrow=True)
    typical = manifold.mean_square(*(pt.zeros(np.shape(value), p.type.dtype),) * 2)
    return zeros(p, rule, what, tuple(typical.type.shape))
