"""Functions of activations without parameters: dropout, GELU."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.random.variable import RandomGeneratorSharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import is_complex
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import M, Updates


def dropout(
    x: M, rate: float, rng: Any, field: str | None = None, per_sequence: bool = False
) -> tuple[M, Updates]:
    r"""Each unit set to 0 with probability ``rate``, the others divided by 1 - rate.

    .. math:: y = x \circ k / (1 - p), \quad k \sim \mathrm{Bernoulli}(1 - p)

    so that E y = x, and nothing is to be done when it is left out in evaluation. ``x`` is real
    ``(..., B, n)`` or stacked complex ``(..., 2, B, n)``, where one k serves real and imaginary part: a
    unit keeps its phase. Returns y, as x, and the update of the generator.

    Parameters
    ----------
    x : symbolic tensor
    rate : p, in [0, 1); at 0 the result is x itself and there are no updates
    rng : shared generator, ``pytensor.shared(np.random.default_rng(seed), name="dropout")``; each
        call in one graph needs one of its own, with a name of its own for checkpoints
    field : of a plain x, "real" (the default) or "complex"; a complex variable has its own
    per_sequence : whether k is drawn once for all of the first axis, which is time then (Gal and
        Ghahramani, 2016)

    Returns
    -------
    y, ``{rng: next state}``: to be merged with a rule's updates; without them every step of training
    would drop the same units

    Raises
    ------
    ValueError
        for a rate outside [0, 1), an unknown field and an x with too few axes
    TypeError
        for an rng that is no shared generator

    PyTensor has no random numbers in PyTorch mode. In JAX mode they are others, and the generator is
    copied when the function is compiled, of which it warns: from there on the copy advances, and the
    variable stands still.

    Source: Srivastava et al. (2014), in the inverted form; Gal and Ghahramani (2016).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be in [0, 1), got {rate}")
    if not isinstance(rng, RandomGeneratorSharedVariable):
        raise TypeError(
            "dropout: rng must be a shared generator, pytensor.shared(np.random.default_rng(seed), "
            f"name=...), got {rng!r}"
        )
    if field == "real" and is_complex(x):
        raise ValueError(f"dropout: x is complex, got field='real' and x {x}")
    field = field or ("complex" if is_complex(x) else "real")
    given, x = x, stored(x)
    axes = algebra(field).axes + per_sequence
    if x.type.ndim < axes:
        raise ValueError(
            f"dropout: x must have at least {axes} axes (field {field!r}, per_sequence="
            f"{per_sequence}), got shape {x.type.shape}"
        )
    if rate == 0:
        return given, {}
    size = [x.shape[i] if n is None else n for i, n in enumerate(x.type.shape)]
    if field == "complex":
        size[-3] = 1
    if per_sequence:
        size[0] = 1
    after, draw = rng.uniform(size=tuple(size))  # type: ignore[attr-defined]
    one_kept = np.asarray(1 / (1 - rate), x.type.dtype)
    mask = pt.switch(draw < rate, np.zeros((), x.type.dtype), one_kept)
    return result_like(x * mask, given), {rng: after}


def gelu(x: M) -> TensorVariable:
    r"""Elementwise :math:`x\,\Phi(x)`, Phi the normal distribution function: shape and dtype of x.

    Source: Hendrycks and Gimpel (2016), "Gaussian error linear units".
    """
    half, root = (np.asarray(c, x.type.dtype) for c in (0.5, np.sqrt(0.5)))
    return x * (half * pt.erfc(-root * x))
