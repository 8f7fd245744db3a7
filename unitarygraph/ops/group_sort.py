"""Activations that sort neighbors: OPLU and GroupSort."""

import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad


def oplu(z, field="complex"):
    """Larger and smaller of each pair of neighbors: `groupsort` in groups of two.

    Source: Chernodub and Nowicki (2016), "Norm-preserving orthogonal permutation linear unit".
    """
    return _sorted_in_groups("oplu", z, 2)


def groupsort(z, field="complex", size=4):
    """Each group of ``size`` neighbors in falling order; real and imaginary part apart.

    A permutation of the n features, so that norms of values and gradients are kept: the slope is
    the permutation, where two are equal that which leaves them. ``size`` divides n, which must be known.

    The one Op of a recurrence has it not: its backward pass reads slopes off the states, and sorted
    numbers do not tell how they stood.

    Source: Anil, Lucas and Grosse (2019), "Sorting out Lipschitz function approximation".
    """
    return _sorted_in_groups("groupsort", z, size)


def _sorted_in_groups(name, z, size):
    """Groups in falling order, by exchanges of neighbors, which every backend has."""
    n = z.type.shape[-1] if z.type.ndim else None
    if size < 1 or n is None or n % size:
        raise ValueError(f"{name}: groups of {size} must divide the features, got {n}")
    columns = [z[..., k::size] for k in range(size)]
    for k in range(size):
        for i in range(size - 1 - k):
            left, right = columns[i : i + 2]
            rising = disconnected_grad(left) < disconnected_grad(right)
            columns[i] = pt.switch(rising, right, left)
            columns[i + 1] = pt.switch(rising, left, right)
    shape = [z.shape[i] if s is None else s for i, s in enumerate(z.type.shape)]
    return pt.reshape(pt.stack(columns, axis=-1), shape, ndim=z.type.ndim)
