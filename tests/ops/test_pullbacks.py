"""qr, polar and eigh of small matrices in lanes, and the Ops that are their adjoints."""

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN, complex_normal

from unitarygraph.core.small import fill_small
from unitarygraph.ops.eigh import Eigh, EighPullback, PivotMask
from unitarygraph.ops.polar import Polar, PolarPullback
from unitarygraph.ops.qr import QR, QRPullback
from unitarygraph.stacked.algebra import algebra

FIELDS = ["complex", "real"]
OPS = {"qr": (QR, QRPullback), "polar": (Polar, PolarPullback), "eigh": (Eigh, EighPullback)}
GIVEN = [(True, True), (True, False), (False, True)]
# Each is compiled: those that differ in the width of a register alone are slow.
SETTINGS = [
    ("complex", "float64"),
    ("real", "float32"),
    pytest.param("complex", "float32", marks=pytest.mark.slow),
    pytest.param("real", "float64", marks=pytest.mark.slow),
]
COUNT = 11


def lengths(op, inputs):
    found = {}
    for slot, x in zip(op.slots[0], inputs, strict=True):
        found.update(zip(slot.letters, x.shape[x.ndim - len(slot.letters) :], strict=True))
    return found


def run(op, *inputs, small=True):
    """Outputs of an Op for one batch axis, by its kernel or by LAPACK."""
    sizes = lengths(op, inputs)
    outputs = [
        np.full((len(inputs[0]), *slot.core_shape(sizes)), 7, inputs[0].dtype)
        for slot in op.slots[1]
    ]
    if small:
        assert fill_small(op, inputs, outputs)
    else:
        op.compute(inputs, outputs)
    return outputs


def store(z, field, dtype):
    return algebra(field).from_numpy(z if field == "complex" else z.real.copy()).astype(dtype)


def load(x, field):
    """Matrices of a batch in double precision."""
    x = x.astype("float64")
    return x[:, 0] + 1j * x[:, 1] if field == "complex" else x


def adjoint(x):
    return np.swapaxes(x, -1, -2).conj()


def drawn(rng, name, shape, field, dtype):
    m, n = shape
    z = complex_normal(rng, COUNT, m, n)
    return store(z + adjoint(z) if name == "eigh" else z, field, dtype)


def check_factors(name, a, outputs, field, dtype):
    """Orthonormal factors that give A back, in epsilons; the conventions of each."""
    eps = np.finfo(dtype).eps
    a, n = load(a, field), outputs[0].shape[-1]
    size = np.linalg.norm(a, axis=(1, 2))[:, None, None] + np.finfo(dtype).tiny
    bound = 30 * n**0.5 * eps
    if name == "eigh":
        w, v = outputs[0].astype("float64"), load(outputs[1], field)
        u, product = v, v * w[:, None, :] @ adjoint(v)
        assert (np.diff(w, axis=1) >= 0).all()
        pivot = np.take_along_axis(v, np.abs(v).argmax(axis=1)[:, None], 1)
        np.testing.assert_array_equal(pivot.imag, 0)
        assert (pivot.real > 0).all()
    else:
        u, p = load(outputs[0], field), load(outputs[1], field)
        product = u @ p
        if name == "qr":
            np.testing.assert_array_equal(np.tril(p, -1), 0)
            diagonal = np.diagonal(p, axis1=1, axis2=2)
            np.testing.assert_array_equal(diagonal.imag, 0)
            assert (diagonal.real >= 0).all()
        else:
            np.testing.assert_array_equal(p, adjoint(p))
            s, v = outputs[2].astype("float64"), load(outputs[3], field)
            assert (s >= 0).all()
            assert np.abs(adjoint(v) @ v - np.eye(n)).max() < bound
            assert (np.abs(v * s[:, None, :] @ adjoint(v) - p) / size).max() < bound
    assert np.abs(adjoint(u) @ u - np.eye(n)).max() < bound
    assert (np.abs(product - a) / size).max() < bound


@pytest.mark.parametrize(("field", "dtype"), SETTINGS)
@pytest.mark.parametrize("name", OPS)
def test_factors_of_small_matrices(name, field, dtype, rng):
    op = OPS[name][0](field)
    for shape in [(1, 1), (2, 2), (3, 3), (6, 2), (5, 3), (8, 8), (17, 17), (32, 32), (32, 7)]:
        if name == "eigh":
            shape = (shape[1], shape[1])
        a = drawn(rng, name, shape, field, dtype)
        outputs = run(op, a)
        check_factors(name, a, outputs, field, dtype)
        others = run(op, a, small=False)
        cond = np.linalg.cond(load(a, field)).max() if name != "eigh" else 0
        bound = 100 * shape[1] * np.finfo(dtype).eps * (cond + 1)
        for i in range(1 if name == "eigh" else 2):
            scale = np.abs(others[i]).max()
            np.testing.assert_allclose(outputs[i], others[i], rtol=0, atol=bound * scale)


@pytest.mark.parametrize(("field", "dtype"), SETTINGS)
@pytest.mark.parametrize("name", OPS)
def test_factors_of_matrices_of_any_scale(name, field, dtype, rng):
    """Powers of two change nothing but exponents, down to where digits are lost."""
    op, info = OPS[name][0](field), np.finfo(dtype)
    a = drawn(rng, name, (4, 4), field, dtype)
    of_one = run(op, a)
    for exponent in (info.minexp + 30, info.minexp // 2, info.maxexp // 2, info.maxexp - 6):
        scaled = run(op, np.ldexp(a, exponent))
        for x, y in zip(scaled, of_one, strict=True):
            unchanged = np.array_equal(x, y)
            assert unchanged or np.array_equal(x, np.ldexp(y, exponent))
    denormal = np.ldexp(a, info.minexp - 10)
    check_factors(name, denormal, run(op, denormal), field, dtype)


@pytest.mark.parametrize("name", ["qr", "polar"])
def test_factors_of_the_largest_numbers(name):
    """The modulus is a number still, the sum of the two parts is not."""
    z = np.finfo("float64").max * np.array([[[0.7 + 0.7j, 0], [0, 0.7 - 0.7j]]])
    u, p = (load(x, "complex") for x in run(OPS[name][0](), store(z, "complex", "float64"))[:2])
    assert np.isfinite(p).all()
    np.testing.assert_allclose(u[0], np.diag([1 + 1j, 1 - 1j]) / 2**0.5, rtol=0, atol=1e-15)
    np.testing.assert_allclose(p[0] / np.abs(z).max(), np.eye(2), rtol=0, atol=1e-15)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["qr", "polar"])
def test_factors_of_badly_scaled_columns(name, field, rng):
    """Each column of A comes back to its own size: none is lost beside a larger one."""
    op = OPS[name][0](field)
    for power in (3, 5) if name == "polar" else (3, 60, 150):
        size = 10.0 ** (power * np.array([1, -1, 0, 1]))
        a = drawn(rng, name, (5, 4), field, "float64") * size
        u, p = (load(x, field) for x in run(op, a)[:2])
        assert np.abs(adjoint(u) @ u - np.eye(4)).max() < 60 * np.finfo("float64").eps
        lost = np.abs(u @ p - load(a, field)) / (size if name == "qr" else size.max())
        assert lost.max() < 100 * np.finfo("float64").eps


@pytest.mark.parametrize("field", FIELDS)
def test_matrices_of_less_than_full_rank(field, rng):
    """qr's factors stay, polar leaves all but zero to LAPACK."""
    a = drawn(rng, "qr", (5, 3), field, "float64")
    a[2, ..., 1] = 0
    a[3, ..., 2] = a[3, ..., 0]
    a[4] = 0
    check_factors("qr", a, run(QR(field), a), field, "float64")
    zero = a[4:5]
    u, p, s, _ = run(Polar(field), zero)
    np.testing.assert_array_equal(load(u, field)[0], np.eye(5, 3))
    assert not p.any()
    assert not s.any()
    op = Polar(field)
    outputs = [np.empty_like(x) for x in run(op, a, small=False)]
    assert not fill_small(op, [a], outputs)
    op.fill([a], outputs)
    check_factors("polar", a, outputs, field, "float64")


@pytest.mark.parametrize("field", FIELDS)
def test_eigenvectors_of_equal_eigenvalues(field):
    a = store(np.stack([np.eye(4), np.zeros((4, 4)), np.diag([2, 1, 2, 1])]) + 0j, field, "float64")
    outputs = run(Eigh(field), a)
    check_factors("eigh", a, outputs, field, "float64")
    np.testing.assert_array_equal(outputs[0], [[1] * 4, [0] * 4, [1, 1, 2, 2]])


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_not_hermitian_is_refused_whatever_the_size(field, rng):
    for scale in (1.0, 1e200):
        a = drawn(rng, "qr", (3, 3), field, "float64") * scale
        with pytest.raises(ValueError, match="must be Hermitian"):
            Eigh(field).fill([a], [np.empty((COUNT, 3)), np.empty_like(a)])


def cotangents(rng, op, outputs, given):
    return [
        rng.standard_normal(x.shape).astype(x.dtype)
        for x, there in zip(outputs[:2], given, strict=True)
        if there
    ]


@pytest.mark.parametrize(
    ("field", "given"),
    # Each is a kernel to compile: by default complex ones of both cotangents, real ones of one.
    [
        pytest.param(
            field, given, marks=[] if (field == "complex") == all(given) else pytest.mark.slow
        )
        for field in FIELDS
        for given in GIVEN
    ],
)
@pytest.mark.parametrize("name", OPS)
def test_adjoints_are_their_formulas(name, field, given, rng):
    forward, backward = OPS[name]
    op = backward(field, *given)
    for shape in [(5, 3), (4, 4), (1, 1)]:
        if name == "eigh":
            shape = (shape[1], shape[1])
        a = drawn(rng, name, shape, field, "float64")
        outputs = run(forward(field), a, small=False)
        bars = cotangents(rng, op, outputs, given)
        inputs = [*outputs, *bars]
        symbols = [pt.tensor(dtype=x.dtype, shape=(None,) * x.ndim) for x in inputs]
        f = pytensor.function(
            symbols, op.formula(*symbols), mode=AS_WRITTEN, on_unused_input="ignore"
        )
        expected = f(*inputs)
        bound = 1e-11 * np.abs(expected).max()
        for small in (True, False):
            (found,) = run(op, *inputs, small=small)
            np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def exact(name, a):
    """The two factors in 50 digits, by other ways than ours."""
    if name == "eigh":
        w, v = mpmath.eighe(a)
        columns = []
        for j in range(a.rows):
            column = [v[i, j] for i in range(a.rows)]
            pivot = max(column, key=abs)
            columns.append([x * abs(pivot) / pivot for x in column])
        return mpmath.matrix(w), mpmath.matrix(columns).T
    gram = a.H * a
    if name == "qr":
        r = mpmath.cholesky(gram).H
        return a * r**-1, r
    w, v = mpmath.eighe(gram)
    roots = [mpmath.sqrt(x) for x in w]
    return (
        a * v * mpmath.diag([1 / x for x in roots]) * v.H,
        v * mpmath.diag(roots) * v.H,
    )


def pairing(bar, value):
    """Re tr(bar^H value), or the product of vectors."""
    return sum(mpmath.re(mpmath.conj(x) * y) for x, y in zip(bar, value, strict=True))


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", OPS)
def test_adjoints_are_the_slopes_in_many_digits(name, field, scale, rng):
    """Along a tangent, by a difference in 50 digits."""
    forward, backward = OPS[name]
    shape = (3, 3) if name == "eigh" else (4, 3)
    a = drawn(rng, name, shape, field, "float64") * scale
    e = drawn(rng, name, shape, field, "float64") * scale
    outputs = run(forward(field), a)
    bars = cotangents(rng, None, outputs, (True, True))
    # Each output's cotangent in its own unit, so that both count.
    units = (scale, 1.0) if name == "eigh" else (1.0, scale)
    bars = [bar / unit for bar, unit in zip(bars, units, strict=True)]
    (a_bar,) = run(backward(field), *outputs, *bars)
    one = slice(0, 1)
    z, t = load(a[one], field)[0], load(e[one], field)[0]
    with mpmath.workdps(50):
        z, t = mpmath.matrix(z.tolist()), mpmath.matrix(t.tolist())
        h = mpmath.mpf(10) ** -20
        one_over = 1 / mpmath.mpf(scale)
        there, back = (exact(name, (z + sign * h * t) * one_over) for sign in (1, -1))
        slope = 0
        for k, bar in enumerate(bars):
            vector = bar.ndim == 2
            bar = bar[0] if vector else load(bar[one], field)[0]
            change = (there[k] - back[k]) / (2 * h) * units[k]
            slope += pairing(mpmath.matrix(bar.tolist()), change)
        found = pairing(mpmath.matrix(load(a_bar[one], field)[0].tolist()), t)
        size = np.abs(load(a_bar[one], field)[0]) @ np.abs(load(e[one], field)[0]).T
        cond = np.linalg.cond(load(a[one], field)[0] / scale)
        assert abs(found - slope) < 100 * np.finfo("float64").eps * (1 + cond) * np.trace(size)


@pytest.mark.parametrize("field", FIELDS)
def test_a_singular_factor_has_no_adjoint(field, rng):
    a = drawn(rng, "qr", (4, 3), field, "float64")
    a[..., 1] = 0
    outputs = run(QR(field), a)
    for small in (True, False):
        (a_bar,) = run(
            QRPullback(field, True, False), *outputs, np.ones_like(outputs[0]), small=small
        )
        assert np.isnan(a_bar).all()


def test_one_entry_of_each_column_is_marked(rng):
    """The largest, the first of those that are equal to rounding."""
    v = complex_normal(rng, 1, 4, 4)
    v[0, 2, 1] = v[0, 1, 1] = 9
    (mask,) = run(PivotMask("complex"), store(v, "complex", "float64"), small=False)
    np.testing.assert_array_equal(mask[0].sum(axis=0), 1)
    np.testing.assert_array_equal(mask[0].argmax(axis=0), np.abs(v[0]).argmax(axis=0))
    assert mask[0, 1, 1] == 1
