"""PyTensor's functions and gradients, with NumPy complex arrays where variables are complex."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pytensor
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import REAL_DTYPES, from_complex, plain, to_complex
from unitarygraph.stacked.variables import Complex, ComplexVariable, mark


@overload
def grad(cost: Variable, wrt: ComplexVariable, **kwargs: Any) -> ComplexVariable: ...
@overload
def grad(cost: Variable, wrt: Variable, **kwargs: Any) -> TensorVariable: ...
@overload
def grad(cost: Variable, wrt: Sequence[Variable], **kwargs: Any) -> list[Any]: ...
def grad(cost: Variable, wrt: Any, **kwargs: Any) -> Any:
    r"""Gradient of a real scalar: complex for complex variables, real for real ones.

    Of a real loss L in Z = X + iY it is :math:`dL/dX + i\,dL/dY`, the direction of steepest ascent:
    what PyTorch calls ``.grad``, and the conjugate of what ``jax.grad`` returns. ``wrt`` is a variable
    or a list of them, and so is the result; further arguments and errors are those of
    `pytensor.grad`. Raises TypeError for a complex cost.
    """
    if isinstance(cost, ComplexVariable):
        raise TypeError(
            f"grad: cost must be a real scalar, got {cost}; take Z.real, abs(Z) or Z.norm() of it"
        )
    single = isinstance(wrt, Variable)
    variables = [wrt] if single else list(wrt)
    # A marked tensor is no part of the graph that is made of it: that is its storage's.
    marked = [isinstance(v.owner.op, Complex) if v.owner is not None else False for v in variables]
    sources = [plain(v) if m else v for v, m in zip(variables, marked, strict=True)]
    found: Any = pytensor.grad(cost, sources, **kwargs)
    results = [
        mark(g) if isinstance(v, ComplexVariable) and g is not None else g
        for v, g in zip(variables, found, strict=True)
    ]
    return results[0] if single else results


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    **kwargs: Any,
) -> Function:
    """Compile a graph, as `pytensor.function` does, for NumPy complex arrays.

    Where an input is a complex variable the compiled function takes a NumPy complex array of its
    precision, ``(..., m, n)``, or a stacked real one, ``(..., 2, m, n)``; where an output is complex
    it returns a complex array. All else is `pytensor.function`'s: outputs may be one, a list or a
    dict; inputs may be `pytensor.In`.

    Returns
    -------
    Function
        callable; ``.compiled`` is PyTensor's own function

    Raises
    ------
    TypeError, ValueError
        when called with an array of another dtype or number of axes, naming the input; else as
        `pytensor.function`

    >>> import numpy as np, unitarygraph as ug
    >>> Z = ug.matrix("Z", shape=(2, 2))
    >>> f = ug.function([Z], Z.H @ Z)
    >>> f(np.array([[1, 1j], [0, 2]])).tolist()
    [[(1+0j), 1j], [-1j, (5+0j)]]
    """
    if not isinstance(inputs, Sequence):
        raise TypeError(f"function: inputs must be a list of variables, got {inputs!r}")
    keys = list(outputs) if isinstance(outputs, Mapping) else None
    compiled = pytensor.function(
        inputs,
        outputs if keys is None else [outputs[k] for k in keys],
        mode=mode,
        updates=updates,
        givens=givens,
        **kwargs,
    )
    return Function(compiled, [getattr(i, "variable", i) for i in inputs], outputs)


class Function:
    """A compiled function that takes and returns NumPy complex arrays; see `function`."""

    def __init__(self, compiled: Any, variables: Any, outputs: Any) -> None:
        #: the function as PyTensor made it, on stacked storage
        self.compiled = compiled
        self._inputs = [
            (v.name, str(v), v.type.ndim) if isinstance(v, ComplexVariable) else None
            for v in variables
        ]
        self._keys = list(outputs) if isinstance(outputs, Mapping) else None
        values = outputs if self._keys is None else outputs.values()
        self._single = not isinstance(values, Iterable) or isinstance(values, Variable)
        self._complex = [
            isinstance(v, ComplexVariable) for v in ([values] if self._single else values)
        ]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Values of the outputs."""
        stored = [
            a if known is None else _stored(a, known)
            for a, known in zip(args, self._inputs, strict=False)
        ] + list(args[len(self._inputs) :])
        named = {known[0]: known for known in self._inputs if known and known[0]}
        kwargs = {k: _stored(v, named[k]) if k in named else v for k, v in kwargs.items()}
        return self._values(self.compiled(*stored, **kwargs))

    def _values(self, results):
        if self._single:
            return _value(results, self._complex[0])
        values = [_value(v, c) for v, c in zip(results, self._complex, strict=True)]
        return values if self._keys is None else dict(zip(self._keys, values, strict=True))

    def __getattr__(self, name: str) -> Any:
        # Pickle and copy ask before there is anything to ask.
        if name.startswith("__") or "compiled" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.compiled, name)


def _stored(a, known):
    """Stacked array of an argument for a complex input."""
    _, label, ndim = known
    if isinstance(a, Variable):
        raise TypeError(f"{label}: expected an array, got the variable {a}")
    a = np.asarray(a)
    if a.dtype.kind == "c":
        if a.ndim != ndim - 1:
            raise ValueError(
                f"{label}: expected a complex array of {ndim - 1} axes, got shape {a.shape}"
            )
        return from_complex(a)
    if a.dtype.name not in REAL_DTYPES or a.ndim != ndim:
        raise TypeError(
            f"{label}: expected a complex array of {ndim - 1} axes or a stacked real one of {ndim}, "
            f"got dtype {a.dtype} and shape {tuple(a.shape)}"
        )
    return a


def _value(result, is_complex):
    return to_complex(np.asarray(result)) if is_complex else result
