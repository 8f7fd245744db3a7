"""Leading axes of matrices: their static shape, and inputs broadcast to one batch."""

import pytensor.tensor as pt


def batch_shape(x, core_ndim):
    """Static shape of the leading axes of a variable."""
    return x.type.shape[: x.type.ndim - core_ndim]


def broadcast_batch(inputs, core_ndims):
    """Broadcast the leading axes of the inputs against each other; core axes stay as they are."""
    rank = max(x.type.ndim - core for x, core in zip(inputs, core_ndims, strict=True))
    batches = [
        (1,) * (rank - x.type.ndim + core) + batch_shape(x, core)
        for x, core in zip(inputs, core_ndims, strict=True)
    ]
    # Along each batch axis the first input that is not of length 1 there gives the length.
    source = [
        next((i for i, batch in enumerate(batches) if batch[axis] != 1), 0) for axis in range(rank)
    ]
    result = []
    for x, core, batch in zip(inputs, core_ndims, batches, strict=True):
        stretched = [
            axis for axis in range(rank) if batch[axis] == 1 and batches[source[axis]][axis] != 1
        ]
        if stretched:
            lead = rank - x.type.ndim + core
            shape = []
            for axis in range(rank):
                other = inputs[source[axis]]
                offset = axis - (rank - other.type.ndim + core_ndims[source[axis]])
                static = batches[source[axis]][axis]
                shape.append(other.shape[offset] if static is None else static)
            core_shape = [
                x.shape[axis] if x.type.shape[axis] is None else x.type.shape[axis]
                for axis in range(x.type.ndim - core, x.type.ndim)
            ]
            x = pt.broadcast_to(pt.shape_padleft(x, lead), (*shape, *core_shape))
        elif x.type.ndim - core < rank:
            x = pt.shape_padleft(x, rank - x.type.ndim + core)
        result.append(x)
    return result
