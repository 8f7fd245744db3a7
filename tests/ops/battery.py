"""All rows of the table of Ops in one compiled function: compiling takes the time, not running."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from op_table import CASES, TABLE

from unitarygraph.stacked.algebra import algebra

BATCH = 3


def draw(name, field, dtype, shape=(4, 3), count=BATCH):
    """A batch of stored inputs of a row."""
    rng = np.random.default_rng(CASES.index((name, field)))
    m, n = shape if TABLE[name].tall else (shape[1], shape[1])
    batches = zip(*(TABLE[name].draw(rng, m, n) for _ in range(max(count, 1))), strict=True)
    store = algebra(field).from_numpy
    return [
        np.stack([store(z if field == "complex" else z.real.copy()) for z in batch]).astype(dtype)[
            :count
        ]
        for batch in batches
    ]


class Battery:
    """Values of rows, of all by default, and gradients of the named ones in one compiled function.

    Called, it gives the results by row.
    """

    def __init__(self, mode, dtype, gradients=(), rows=tuple(TABLE)):
        self.dtype, self.variables, outputs, self.places = dtype, [], [], {}
        self.cases = [case for case in CASES if case[0] in rows]
        for name, field in self.cases:
            planes = (2,) * (algebra(field).axes - 2)
            given = [
                pt.tensor(dtype=dtype, shape=(None, *planes, None, None))
                for _ in draw(name, field, dtype)
            ]
            values = list(TABLE[name].outputs(*given, field=field))
            results = values
            if name in gradients:
                cost = sum((y * y).sum() + y.sum() for y in values)
                results = values + pt.grad(cost.astype(dtype), given)
            self.places[name, field] = slice(len(outputs), len(outputs) + len(results)), len(values)
            self.variables += given
            outputs += results
        self.function = pytensor.function(self.variables, outputs, mode=mode)

    def __call__(self, change=lambda batch: batch, only=None, **options):
        """Results of each row for a batch of drawn input.

        ``change`` may alter the input, of one row where ``only`` names it.
        """
        given = [
            change(x) if case == only or only is None else x
            for case in self.cases
            for x in draw(*case, self.dtype, **options)
        ]
        results = [np.asarray(y) for y in self.function(*given)]
        return {case: results[place] for case, (place, _) in self.places.items()}

    def count(self, case):
        """Number of a row's values, which precede its gradients."""
        return self.places[case][1]


def twisted(batch):
    """The batch as no BLAS takes it, in an order that PyTensor 3.0.7's Blockwise reads wrongly."""
    x = np.asfortranarray(np.repeat(batch, 2, axis=0))[::2]
    assert not (x.flags.c_contiguous or x.flags.f_contiguous) or x.shape[0] < 2 or x.size < 2
    return x


def spoiled(bad):
    """Map that puts a bad entry into the second matrix of a batch."""

    def change(batch):
        batch = batch.copy()
        batch[1, ..., 0, 0] = bad
        return batch

    return change
