"""What complex variables have not, though tensor variables do, and what to write instead."""

from collections.abc import Callable
from typing import Any

SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "mod": "%", "floordiv": "//"}


def refused(name: str, instead: str) -> Callable[..., Any]:
    """A method that refuses and says what to write instead."""
    bare = name.strip("_")
    sign = SIGNS.get(bare, bare)

    def method(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{sign} of the complex variable {self} is not defined: {instead}")

    method.__name__ = name
    method.__doc__ = f"Not defined for complex variables: {instead}."
    return method


COMPARED = "compare abs(Z), Z.real or Z.imag"
REFUSED = {
    **dict.fromkeys(("__lt__", "__le__", "__gt__", "__ge__", "max", "min"), COMPARED),
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "sort", "clip", "ptp", "searchsorted"), COMPARED
    ),
    **dict.fromkeys(("__mod__", "__rmod__", "__floordiv__", "__rfloordiv__"), COMPARED),
    **dict.fromkeys(("__divmod__", "__rdivmod__", "__invert__", "__and__", "__or__"), COMPARED),
    **dict.fromkeys(("__xor__", "__rand__", "__ror__", "__rxor__", "any", "all"), COMPARED),
    **dict.fromkeys(("round", "ceil", "floor", "trunc"), "round Z.real and Z.imag"),
    **dict.fromkeys(("__ceil__", "__floor__", "__trunc__"), "round Z.real and Z.imag"),
    **dict.fromkeys(
        ("cos", "sin", "tan", "cosh", "sinh", "tanh", "arccos", "arcsin", "arctan", "arccosh"),
        "write it with Z.exp()",
    ),
    **dict.fromkeys(
        ("arcsinh", "arctanh", "log", "log2", "log10", "log1p", "sqrt", "exp2", "expm1"),
        "it is many-valued or not made: write it with abs(Z), Z.angle() and Z.exp()",
    ),
    **dict.fromkeys(("deg2rad", "rad2deg"), "convert Z.angle()"),
    **dict.fromkeys(
        ("prod", "var", "std", "cumsum", "cumprod", "nonzero", "nonzero_values"),
        "compute it from Z.real and Z.imag",
    ),
    **dict.fromkeys(
        ("reshape", "flatten", "ravel", "dimshuffle", "transpose", "swapaxes", "squeeze"),
        "reshape Z.stacked, whose planes' axis stands before the last two, and mark the result with "
        "unitarygraph.as_complex",
    ),
    **dict.fromkeys(
        ("repeat", "take", "choose", "compress", "fill", "set", "inc"),
        "write it for Z.stacked, and mark the result with unitarygraph.as_complex",
    ),
}
