"""Methods on storage, made to take complex variables and NumPy complex arrays as well."""

from functools import wraps

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.stacked.variables import mark

#: methods whose result is a point or a vector, and those whose result is real numbers
POINTS_AND_VECTORS = (
    "proj", "egrad2rgrad", "ehess2rhess", "retr", "exp", "log", "transport", "nearest",
)  # fmt: skip
NUMBERS = ("inner", "norm", "dist", "mean_square", "deviation", "tolerance")


def takes_complex(method, marked):
    """A manifold's method on storage, made to take complex variables and NumPy complex arrays.

    Where an argument is one, the result, if ``marked``, is a complex variable; else all is plain.
    Tuples and lists, the points of a product, are left to the methods of its factors.
    """

    @wraps(method)
    def taking(self, *args, **kwargs):
        values = (*args, *kwargs.values())
        if not any(is_complex(x) for x in values if not isinstance(x, tuple | list)):
            return method(self, *args, **kwargs)
        if self.field == "real":
            raise ValueError(f"{method.__name__}: got a complex argument on {self}")
        stored = method(self, *map(storage, args), **{k: storage(v) for k, v in kwargs.items()})
        return mark(stored) if marked else stored

    return taking


def take_complex_in(cls):
    """Make the symbolic methods that a class defines take complex arguments."""
    for names, marked in ((POINTS_AND_VECTORS, True), (NUMBERS, False)):
        for name in names:
            if name in cls.__dict__:
                setattr(cls, name, takes_complex(cls.__dict__[name], marked))
