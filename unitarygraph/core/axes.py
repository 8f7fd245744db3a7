"""Shapes whose axes have names."""


def pattern(axes):
    """The axes as error messages print them."""
    return f"({', '.join(map(str, axes))})"


def check_axes(function, axes, shapes, note=""):
    """Sizes of the named axes of a function's arguments, None where no shape tells.

    ``axes`` is a dictionary from an argument's name to its axes, letters or fixed lengths; ``shapes``
    are the arguments', in its order, None for unknown lengths. Raises ValueError for the first that has
    another number of axes, or another length than is fixed or an earlier one gave; ``note`` ends the
    message.
    """
    sizes = {axis: None for named in axes.values() for axis in named if isinstance(axis, str)}
    for (name, named), shape in zip(axes.items(), shapes, strict=True):
        found = dict(sizes)
        fits = len(named) == len(shape)
        for axis, size in zip(named, shape, strict=False):
            wanted = found.get(axis) if isinstance(axis, str) else axis
            fits = fits and (None in (wanted, size) or wanted == size)
            if wanted is None:
                found[axis] = size
        if not fits:
            known = ", ".join(
                f"{axis} = {size}" for axis, size in sizes.items() if size is not None
            )
            raise ValueError(
                f"{function}: {name} must be {pattern(named)}{' with ' + known if known else ''}, "
                f"got shape {tuple(shape)}{note}"
            )
        sizes = found
    return sizes
