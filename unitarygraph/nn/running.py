"""Running averages of the batch's statistics, which evaluation uses in their place."""

import numpy as np
import pytensor.tensor as pt


def running(averages, momentum, earlier=None):
    r"""Updates :math:`r \leftarrow (1 - m)\,r + m\,s` of the shared r, the keys, by the batch's s.

    The right-hand side's r is its value in the updates ``earlier``, where that has one.
    """
    earlier = earlier or {}
    return {r: (1 - momentum) * earlier.get(r, r) + momentum * s for r, s in averages.items()}


def unbiased(count, dtype):
    """n / (n - 1), for variances that divide by n."""
    return (count / (count - 1)).astype(dtype)


def count_along(x, along, title):
    """How many numbers of x a feature has; ValueError where it is known to be one."""
    sizes = [x.type.shape[i] for i in along]
    if None in sizes:
        return pt.prod([x.shape[i] for i in along]).astype("float64")
    count = np.prod(sizes, dtype="float64")
    if count == 1:
        raise ValueError(
            f"{title}: x must hold more than one number a feature in training, "
            f"got shape {x.type.shape}"
        )
    return count
