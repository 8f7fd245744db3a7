"""The recurrence on JAX and PyTorch against NumPy: activations, masks, fields, sizes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode

from unitarygraph.ops.recurrence import recurrence

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]
NAMES = ("drive", "W", "h0", "bias")
# Field, activation, whether masked, and what the gradient comes from.
VARIANTS = [
    ("complex", "modrelu", False, "all"),
    ("complex", "modrelu", True, "both"),
    ("real", "modrelu", False, "last"),
    ("real", "modrelu", True, "all"),
    ("complex", "relu", True, "last"),
    ("real", "relu", False, "both"),
    ("complex", "leaky_relu", False, "both"),
    ("real", "leaky_relu", True, "last"),
    ("complex", "tanh", False, "all"),
    ("real", "tanh", True, "both"),
    ("complex", "identity", False, "last"),
    ("real", "identity", True, "all"),
]


@pytest.fixture(scope="module", params=PACKAGES)
def mode(request):
    # PyTorch's compiler sees these Ops in test_pytorch_compiles_a_step.
    with the_mode(request.param, stance="force_eager") as name:
        yield name


def values(field, dtype="float64", T=5, B=3, n=4):
    """drive, W, h0, bias; a bias wide enough that the modReLU has dead and living units."""
    rng = np.random.default_rng(0)
    p = (2,) if field == "complex" else ()
    shapes = (T, *p, B, n), (*p, n, n), (*p, B, n), (n,)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    arrays[1] *= 0.3
    return arrays


def a_mask(T=5, B=3):
    return np.random.default_rng(1).random((T, B)) < 0.6


class Battery:
    """All variants in one compiled function: states and gradients."""

    def __init__(self, mode, dtype="float64"):
        self.dtype = dtype
        self.variables, self.places, outputs = [], {}, []
        self.mask = pt.matrix("mask", dtype="bool")
        for variant in VARIANTS:
            field, activation, masked, source = variant
            count = 4 if activation == "modrelu" else 3
            v = [
                pt.tensor(name, dtype=dtype, shape=(None,) * x.ndim)
                for name, x in zip(NAMES, values(field)[:count], strict=False)
            ]
            keep = self.mask if masked else None
            states, last = (
                recurrence(*v, activation=activation, mask=keep, states=what)
                for what in ("all", "last")
            )
            cost = 0
            if source != "last":
                cost += pt.sum(states * pt.cos(states))
            if source != "all":
                cost += pt.sum(last**3)
            results = [states, last, *pt.grad(cost, v, disconnected_inputs="ignore")]
            self.places[variant] = slice(len(outputs), len(outputs) + len(results))
            self.variables += v
            outputs += results
        self.function = pytensor.function([*self.variables, self.mask], outputs, mode=mode)

    def __call__(self, change=lambda *x: x, T=5, B=3, n=4):
        given, mask = [], a_mask(T, B)
        for field, activation, *_ in VARIANTS:
            count = 4 if activation == "modrelu" else 3
            given += change(*values(field, self.dtype, T, B, n)[:count])
        results = [np.asarray(y) for y in self.function(*given, mask)]
        return {variant: results[place] for variant, place in self.places.items()}


@pytest.fixture(scope="module")
def double(mode):
    return Battery(mode), Battery("FAST_COMPILE")


def agree(got, want, tolerance=1e-11):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    bound = tolerance * max(1, np.abs(want).max(initial=0, where=np.isfinite(want)))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.mark.parametrize("sizes", [(5, 3, 4), (1, 1, 1), (0, 2, 3), (2, 0, 3), (2, 3, 0)], ids=str)
def test_states_and_gradients(double, sizes):
    ours, expected = (battery(T=sizes[0], B=sizes[1], n=sizes[2]) for battery in double)
    for variant in VARIANTS:
        for got, want in zip(ours[variant], expected[variant], strict=True):
            agree(got, want)


def test_nan_goes_where_it_goes_in_numpy(double):
    def spoiled(drive, *rest):
        drive[2, ..., 1, 0] = np.nan
        return np.asfortranarray(drive), *rest

    ours, expected = (battery(spoiled) for battery in double)
    for variant in VARIANTS:
        for got, want in zip(ours[variant], expected[variant], strict=True):
            agree(got, want)


def test_single_precision(mode):
    ours, expected = (Battery(m, "float32")() for m in (mode, "FAST_COMPILE"))
    for variant in VARIANTS:
        for got, want in zip(ours[variant], expected[variant], strict=True):
            assert got.dtype == "float32"
            agree(got, want, 1e-5)


@pytest.mark.parametrize("activation", ["modrelu", "leaky_relu"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_few_states_kept(mode, field, activation):
    """Last state and outputs of all steps, with gradients, by segments; T unknown to the graph."""
    given = values(field)[: 4 if activation == "modrelu" else 3]
    v = [pt.tensor(dtype="float64", shape=(None,) * x.ndim) for x in given]
    U, mask = pt.matrix("U", dtype="float64"), pt.matrix("mask", dtype="bool")
    outputs = []
    for memory in "all", "sqrt", 3, "invert":
        last = recurrence(*v, activation=activation, states="last", memory=memory)
        read = recurrence(*v, activation=activation, mask=mask, memory=memory, readout=U)
        cost = pt.sum(last**3) + pt.sum(pt.cos(read))
        outputs += [last, read, *pt.grad(cost, [*v, U])]
    f = pytensor.function([*v, U, mask], outputs, mode=mode)
    for T, B, n in [(7, 3, 4), (9, 3, 4), (1, 1, 1), (0, 2, 3), (3, 0, 2)]:
        given = values(field, T=T, B=B, n=n)[: len(given)]
        rows = np.ones((n * given[1].ndim - n, 2))
        found = [np.asarray(x) for x in f(*given, rows, a_mask(T, B))]
        count = len(found) // 4
        for k in range(1, 4):
            for got, want in zip(found[k * count : (k + 1) * count], found, strict=False):
                agree(got, want)


@pytest.mark.parametrize("wrong", range(4), ids=NAMES)
def test_wrong_shapes_at_run_time(mode, wrong):
    given = values("real")
    variables = [pt.tensor(dtype="float64", shape=(None,) * x.ndim) for x in given]
    f = pytensor.function(variables, recurrence(*variables), mode=mode)
    given[wrong] = np.concatenate([given[wrong], given[wrong][..., :1]], axis=-1)
    with pytest.raises(ValueError, match=r"recurrence: \w+ must be"):
        f(*given)
