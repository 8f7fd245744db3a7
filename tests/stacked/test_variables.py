"""Complex variables against NumPy's complex arithmetic."""

import copy
import pickle
from contextlib import nullcontext

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.replace import clone_replace, vectorize_graph

import unitarygraph as ug
from unitarygraph.stacked.variables import Complex, Stacked

EPS = np.finfo("float64").eps
N = 3


def normal(rng, *shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def inputs_and_values(rng, dtype="float64"):
    """Two complex matrices, a complex vector, a real matrix and a real vector, and their values."""
    complex_dtype = {"float32": "complex64", "float64": "complex128"}[dtype]
    variables = [
        ug.matrix("Z", shape=(N, N), dtype=dtype),
        ug.matrix("W", shape=(N, N), dtype=dtype),
        ug.vector("u", shape=(N,), dtype=dtype),
        pt.tensor("R", shape=(N, N), dtype=dtype),
        pt.tensor("r", shape=(N,), dtype=dtype),
    ]
    values = [normal(rng, N, N), normal(rng, N, N), normal(rng, N)]
    values = [v.astype(complex_dtype) for v in values]
    values += [rng.standard_normal((N, N)).astype(dtype), rng.standard_normal(N).astype(dtype)]
    return variables, values


# What a variable and a NumPy array say alike, but for these.
def adjoint(z):
    return z.conj().T if isinstance(z, np.ndarray) else z.H


def angle(z):
    return np.angle(z) if isinstance(z, np.ndarray) else z.angle()


def norm(z):
    return np.linalg.norm(z) if isinstance(z, np.ndarray) else z.norm()


def inner(z, w):
    return np.vdot(z, w).real if isinstance(z, np.ndarray) else z.inner(w)


def exp(z):
    return np.exp(z) if isinstance(z, np.ndarray) else z.exp()


CONSTANT = normal(np.random.default_rng(5), N, N)
CASES = {
    "Z @ W": lambda Z, W, u, R, r: Z @ W,
    "Z.H @ W.T": lambda Z, W, u, R, r: adjoint(Z) @ W.T,
    "Z * W": lambda Z, W, u, R, r: Z * W,
    "Z / W": lambda Z, W, u, R, r: Z / W,
    "c / Z, R / Z": lambda Z, W, u, R, r: (1 + 2j) / Z + R / Z,
    "numbers and reals": lambda Z, W, u, R, r: 2j * Z - W / 3 + R - r * Z + 1.5 - 2 * R * W / r,
    "matrix vector": lambda Z, W, u, R, r: Z @ u + R @ u + Z @ r,
    "vector matrix": lambda Z, W, u, R, r: u @ Z + r @ Z,
    "vector vector": lambda Z, W, u, R, r: u @ u + u @ r,
    "real matrices": lambda Z, W, u, R, r: R @ Z @ R,
    "vector against matrix": lambda Z, W, u, R, r: Z * u + u - u / Z,
    "constants": lambda Z, W, u, R, r: CONSTANT * Z + CONSTANT @ Z - CONSTANT + Z @ CONSTANT[0],
    "NumPy scalars": lambda Z, W, u, R, r: np.complex128(1 + 2j) * Z * np.float64(2) + np.int64(3),
    "powers": lambda Z, W, u, R, r: Z**3 + Z**-2 + W**1 + Z**0,
    "conj": lambda Z, W, u, R, r: Z.conj() + (-W) + (+Z),
    "exp": lambda Z, W, u, R, r: exp(Z),
    "index": lambda Z, W, u, R, r: Z[0, 1:] * u[0] + W[:, 1][1:],
    "sum, mean": lambda Z, W, u, R, r: Z.sum(axis=-1) + Z.mean(axis=0),
    "trace": lambda Z, W, u, R, r: Z.trace() + Z.diagonal(),
    "abs": lambda Z, W, u, R, r: abs(Z) + abs(u),
    "parts": lambda Z, W, u, R, r: Z.real + Z.imag * u.real,
    "angle": lambda Z, W, u, R, r: angle(Z),
    "norm": lambda Z, W, u, R, r: norm(Z) + norm(u),
    "inner": lambda Z, W, u, R, r: inner(Z, W) + inner(u, u),
}


@pytest.fixture(scope="module")
def compiled():
    """All cases in one function, with a real loss of all of them and its gradients."""
    rng = np.random.default_rng(0)
    variables, values = inputs_and_values(rng)
    outputs = [case(*variables) for case in CASES.values()]
    loss = sum((abs(out) if isinstance(out, ug.ComplexVariable) else out).sum() for out in outputs)
    gradients = ug.grad(loss, variables)
    f = ug.function(variables, [loss, *gradients, *outputs], mode="FAST_COMPILE")
    return f, variables, values, gradients


@pytest.mark.parametrize("case", CASES)
def test_arithmetic_is_that_of_numpy(compiled, case):
    f, _, values, gradients = compiled
    result = f(*values)[1 + len(gradients) + list(CASES).index(case)]
    expected = CASES[case](*values)
    assert np.iscomplexobj(result) == np.iscomplexobj(expected)
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= 100 * EPS * np.abs(expected).max()


def test_gradients_are_slopes(compiled, rng):
    f, _, values, gradients = compiled
    found = f(*values)[1 : 1 + len(gradients)]
    h = EPS ** (1 / 3)
    for k, gradient in enumerate(found):
        real = not np.iscomplexobj(values[k])
        direction = rng.standard_normal(values[k].shape) if real else normal(rng, *values[k].shape)
        rise = [
            f(*[v + s * h * direction if i == k else v for i, v in enumerate(values)])[0]
            for s in (1, -1)
        ]
        slope = (rise[0] - rise[1]) / (2 * h)
        assert np.vdot(gradient, direction).real == pytest.approx(slope, rel=1e-6)


def test_single_precision_stays_single(rng):
    variables, values = inputs_and_values(rng, "float32")
    cases = [case for name, case in CASES.items() if "constants" not in name]
    outputs = [case(*variables) for case in cases]
    assert {out.type.dtype for out in outputs} == {"float32"}
    results = ug.function(variables, outputs, mode="FAST_COMPILE")(*values)
    for case, result in zip(cases, results, strict=True):
        expected = case(*(v.astype(np.promote_types(v.dtype, "float64")) for v in values))
        assert result.dtype in ("complex64", "float32")
        limit = 100 * np.finfo("float32").eps * np.abs(expected).max()
        assert np.abs(result - expected).max() <= limit


# Trees of operators: leaves are the five inputs and numbers, nodes operators that fit any shapes.
LEAVES = st.sampled_from(["Z", "W", "u", "R", "r", 0.5, 3, ("*", 2j, "Z"), ("+", "u", 1 - 1j)])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*/"), inner, inner),
        st.tuples(st.just("@"), st.sampled_from(["Z", "W", "R"]), st.sampled_from(["Z", "W", "u"])),
        st.tuples(st.sampled_from(["conj", "neg", "abs", "real"]), inner),
    ),
    max_leaves=6,
)


def evaluated(tree, names):
    """Value of a tree, by the operators of what the names stand for."""
    if not isinstance(tree, tuple):
        return names.get(tree, tree) if isinstance(tree, str) else tree
    operator, *arguments = tree
    args = [evaluated(a, names) for a in arguments]
    match operator:
        case "+":
            return args[0] + args[1]
        case "-":
            return args[0] - args[1]
        case "*":
            return args[0] * args[1]
        case "/":
            return args[0] / args[1]
        case "@":
            return args[0] @ args[1]
        case "neg":
            return -args[0]
        case "abs":
            return abs(args[0])
    has_parts = isinstance(args[0], ug.ComplexVariable | complex) or np.iscomplexobj(args[0])
    if not has_parts:
        return args[0]
    if operator == "conj":
        return args[0].conjugate() if isinstance(args[0], complex) else args[0].conj()
    return args[0].real


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_trees_of_operators_are_numpys(tree):
    variables, values = inputs_and_values(np.random.default_rng(1))
    with np.errstate(all="ignore"):
        try:
            expected = evaluated(tree, dict(zip("ZWuRr", values, strict=True)))
        except ZeroDivisionError:
            reject()
    assume(np.isfinite(expected).all())
    out = evaluated(tree, dict(zip("ZWuRr", variables, strict=True)))
    if not isinstance(out, pytensor.graph.basic.Variable):
        assert out == expected
        return
    names = dict(zip(variables, values, strict=True))
    used = [v for v in names if v in set(pytensor.graph.traversal.ancestors([out]))]
    result = ug.function(used, out, mode="FAST_COMPILE")(*(names[v] for v in used))
    assert isinstance(out, ug.ComplexVariable) == np.iscomplexobj(expected)
    if np.abs(expected).max() < 1e8:
        # A difference may cancel all digits of its terms: what is compared is absolute to them.
        assert np.allclose(result, expected, rtol=1e-9, atol=1e-9)


BATCHED = {
    "product": (lambda Z, W, r: Z @ W, lambda z, w, r: z @ w),
    "vector": (lambda Z, W, r: Z @ r, lambda z, w, r: z @ r),
    "adjoint": (lambda Z, W, r: Z.H, lambda z, w, r: z.conj().swapaxes(-1, -2)),
    "trace": (lambda Z, W, r: Z.trace(), lambda z, w, r: np.trace(z, axis1=-2, axis2=-1)),
    "abs": (lambda Z, W, r: Z * abs(Z), lambda z, w, r: z * abs(z)),
    "norm": (lambda Z, W, r: Z.norm(), lambda z, w, r: np.linalg.norm(z, axis=(-2, -1))),
    "index": (lambda Z, W, r: Z[1], lambda z, w, r: z[1]),
}


def test_batches(rng):
    Z, W = ug.matrix("Z", shape=(5, N, N)), ug.matrix("W", shape=(N, N))
    r = pt.tensor("r", shape=(N,), dtype="float64")
    z, w, v = normal(rng, 5, N, N), normal(rng, N, N), rng.standard_normal(N)
    outputs = {name: symbolic(Z, W, r) for name, (symbolic, _) in BATCHED.items()}
    results = ug.function([Z, W, r], outputs, mode="FAST_COMPILE")(z, w, v)
    for name, (_, numeric) in BATCHED.items():
        assert results[name].shape == numeric(z, w, v).shape, name
        assert np.allclose(results[name], numeric(z, w, v), rtol=100 * EPS), name


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_quotients_and_moduli_of_tiny_and_huge_numbers(size):
    Z = ug.matrix("Z", shape=(1, 2))
    z = np.array([[3 + 4j, 1 - 2j]]) * size
    modulus, ratio = ug.function([Z], [abs(Z), Z / Z], mode="FAST_COMPILE")(z)
    assert np.allclose(modulus, np.abs(z), rtol=4 * EPS)
    assert np.allclose(ratio, 1, rtol=0, atol=4 * EPS)


AMBIGUOUS = {
    "product": lambda Z, u, x, v: Z * x,
    "matmul": lambda Z, u, x, v: Z @ x,
    "sum": lambda Z, u, x, v: x + Z,
    "quotient": lambda Z, u, x, v: x / Z,
    "vector": lambda Z, u, x, v: u * v,
}
UNDEFINED = {
    "comparison": lambda Z: Z < 1,
    "sum over all": lambda Z: Z.sum(),
    "mean over all": lambda Z: Z.mean(),
    "maximum": lambda Z: Z.max(),
    "reshape": lambda Z: Z.reshape((9,)),
    "sqrt": lambda Z: Z.sqrt(),
    "NumPy's function": lambda Z: np.sin(Z),
    "remainder": lambda Z: Z % 2,
    "iteration": lambda Z: list(Z),
    "real exponent": lambda Z: Z**0.5,
    "as exponent": lambda Z: 2**Z,
    "PyTensor's complex dtype": lambda Z: Z + 2j * pt.matrix("R", dtype="float64"),
    "other precision": lambda Z: Z * ug.matrix("F", shape=(N, N), dtype="float32"),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_may_be_stacked_is_refused_with_both_remedies(case):
    Z, u = ug.matrix("Z", shape=(N, N)), ug.vector("u", shape=(N,))
    x, v = pt.tensor3("x", dtype="float64"), pt.matrix("v", dtype="float64")
    with pytest.raises(TypeError, match=r"as_complex.*unitarygraph.complex\(x, 0\)"):
        AMBIGUOUS[case](Z, u, x, v)
    known = pt.tensor("x", shape=(5, N, N), dtype="float64")
    assert AMBIGUOUS["product"](Z, u, known, v).complex_shape == (5, N, N)


RAW = {
    "its own": lambda Z, z: Z.stacked,
    "NumPy": lambda Z, z: ug.stacked.from_complex(z),
    "constant": lambda Z, z: pt.constant(ug.stacked.from_complex(z)),
    "shared": lambda Z, z: pytensor.shared(ug.stacked.from_complex(z), shape=(2, N, N)),
    "parameter": lambda Z, z: ug.parameter(z, name="W").stacked,
    "batch": lambda Z, z: pt.constant(ug.stacked.from_complex(np.stack([z] * 5))),
    "result": lambda Z, z: ug.stacked.matmul(Z.stacked, Z.stacked),
}
SIGNS = {
    "*": lambda a, b: a * b,
    "@": lambda a, b: a @ b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("guise", RAW)
@pytest.mark.parametrize("sign", SIGNS)
def test_raw_storage_is_no_operand_in_any_guise(sign, guise, rng):
    """Whatever made it and on whichever side it stands: on the planes `*` is another function."""
    Z = ug.matrix("Z", shape=(N, N), dtype="float64")
    x = RAW[guise](Z, normal(rng, N, N))
    for a, b in ((Z, x), (x, Z)):
        with pytest.raises(TypeError, match="may be stacked"):
            SIGNS[sign](a, b)


LEFT = {
    "shared": lambda r: pytensor.shared(r),
    "constant": lambda r: pt.constant(r),
    "parameter": lambda r: ug.parameter(r, name="R"),
    "array": lambda r: r,
}


@pytest.mark.parametrize("shape", [(), (N,), (N, N)], ids=str)
@pytest.mark.parametrize("kind", LEFT)
def test_real_values_stand_on_the_left_as_well(kind, shape, rng):
    """PyTensor's shared variables and constants would have added x to both planes of x + Z."""
    Z, z = ug.matrix("Z", shape=(N, N), dtype="float64"), normal(rng, N, N)
    r = np.asarray(rng.uniform(1, 2, shape))
    x = LEFT[kind](r)
    signs = {sign: f for sign, f in SIGNS.items() if shape or sign != "@"}
    outputs = [f(x, Z) for f in signs.values()]
    assert {type(y) for y in outputs} == {ug.ComplexVariable}
    found = ug.function([Z], outputs, mode="FAST_COMPILE")(z)
    for value, f in zip(found, signs.values(), strict=True):
        np.testing.assert_allclose(value, f(r, z), rtol=0, atol=100 * EPS * np.abs(value).max())
    with pytest.raises(TypeError, match="Z"):
        x < Z  # noqa: B015
    with pytest.raises(TypeError, match="exponent"):
        x**Z


def test_operators_of_plain_values_stay_pytensors(rng):
    x, c = pytensor.shared(np.array([1.0, 2])), pt.constant([3.0, 5])
    for y, right in {
        x + c: [4, 7],
        c / x: [3, 2.5],
        x - 1: [0, 1],
        x @ c: 13,
        c**2: [9, 25],
    }.items():
        assert type(y) is pt.TensorVariable
        assert np.allclose(y.eval(mode="FAST_COMPILE"), right, rtol=0, atol=0)
    assert type(x < c) is pt.TensorVariable


@pytest.mark.parametrize("case", UNDEFINED)
def test_what_would_mix_the_planes_is_refused(case):
    with pytest.raises(TypeError, match="Z"):
        UNDEFINED[case](ug.matrix("Z", shape=(N, N)))


def test_a_number_is_no_matrix():
    with pytest.raises(ValueError, match="expected matrices or vectors"):
        ug.matrix("Z", shape=(N, N)) @ 2


@pytest.mark.parametrize("function", ["qr", "polar", "expm", "cayley", "eigh", "logm"])
def test_a_function_decides_the_field_by_its_argument(function):
    f = getattr(ug, function)
    x = pt.tensor("x", shape=(2, N, N), dtype="float64")
    with pytest.raises(ValueError, match=r"field='complex'.*field='real'"):
        f(x)
    first = lambda out: out[-1] if isinstance(out, tuple) else out  # noqa: E731
    assert isinstance(first(f(ug.as_complex(x))), ug.ComplexVariable)
    assert isinstance(first(f(x, field="complex")), ug.ComplexVariable)
    assert first(f(x, field="real")).type.shape == (2, N, N)
    assert not isinstance(first(f(pt.matrix(dtype="float64"))), ug.ComplexVariable)
    assert isinstance(first(f(np.eye(N) * 1j)), ug.ComplexVariable)
    with pytest.raises(ValueError, match="is complex, got field='real'"):
        f(ug.as_complex(x), field="real")
    with pytest.raises(ValueError, match="field must be"):
        f(x, field="quaternion")


@pytest.mark.parametrize("function", ["qr", "polar", "expm", "cayley", "eigh", "logm"])
def test_a_batch_of_two_real_matrices_is_never_one_complex_one(function, rng):
    """As an array, a constant, a shared variable or of unknown length; nor is the reverse."""
    f = getattr(ug, function)
    batch = rng.standard_normal((2, N, N))
    guises = [
        batch,
        pt.constant(batch),
        pytensor.shared(batch),
        pytensor.shared(batch, shape=(2, N, N)),
        pt.tensor3("x", dtype="float64"),
        pt.tensor4("x", dtype="float64"),
    ]
    for x in guises:
        with pytest.raises(ValueError, match=r"A is|U is|x is|batch of real matrices"):
            f(x)


def test_two_real_matrices_keep_their_own_factors(rng):
    batch = rng.standard_normal((2, N, N))
    q, r = ug.function([], list(ug.qr(batch, field="real")), mode="FAST_COMPILE")()
    for a, qa, ra in zip(batch, q, r, strict=True):
        assert np.allclose(qa @ ra, a, rtol=0, atol=100 * EPS)
        assert np.allclose(qa.T @ qa, np.eye(N), rtol=0, atol=100 * EPS)
    with pytest.raises(ValueError, match="field"):
        ug.unitarity(q)
    assert ug.unitarity(q, field="real").max() < 100 * EPS
    assert ug.unitarity(q, field="complex") > 0.1


def test_operands_of_two_arguments(rng):
    Z, R = ug.matrix("Z", shape=(N, N)), pt.tensor("R", shape=(N, N), dtype="float64")
    z, r = normal(rng, N, N), rng.standard_normal((N, N))
    out = ug.function([Z, R], ug.expm_frechet(Z, R), mode="FAST_COMPILE")(z, r)
    same = ug.function([Z], ug.expm_frechet(Z, r + 0j), mode="FAST_COMPILE")(z)
    assert np.allclose(out, same, rtol=0, atol=0)
    with pytest.raises(ValueError, match="E is a plain tensor"):
        ug.expm_frechet(Z, pt.tensor3(dtype="float64"))


def test_printing_tells():
    Z = ug.matrix("Z", shape=(N, None))
    assert str(Z) == "Z <Complex(complex128, shape=(3, ?))>"
    assert str(ug.vector()) == "<Complex(complex128, shape=(?,))>"
    assert str(Z + Z) == "Complex.0"
    printed = pytensor.dprint((Z.H @ Z) * 2, file="str")
    assert "Complex [id A]" in printed
    assert "Z <Complex(complex128, shape=(3, ?))>" in printed


def test_conversions(rng):
    z = normal(rng, N, N)
    assert np.array_equal(ug.function([], ug.as_complex(z), mode="FAST_COMPILE")(), z)
    Z = ug.complex(z.real, z.imag, name="Z")
    assert Z.name == "Z"
    assert np.array_equal(ug.function([], Z, mode="FAST_COMPILE")(), z)
    assert ug.complex(pt.matrix(dtype="float64")).complex_dtype == "complex128"
    assert Z.astype("complex64").type.dtype == "float32"
    assert ug.as_complex(Z) is Z
    assert ug.as_complex(Z.stacked) is Z or ug.as_complex(Z.stacked).stacked is Z.stacked
    assert type(Z.stacked) is pt.TensorVariable or not isinstance(Z.stacked, ug.ComplexVariable)
    for wrong, error in (
        (lambda: ug.as_complex(pt.tensor(shape=(3, N, N), dtype="float64")), ValueError),
        (lambda: ug.as_complex(np.arange(3)), TypeError),
        (lambda: ug.complex(z, 0), TypeError),
        (lambda: ug.complex(np.ones(2), np.ones(2, "float32")), TypeError),
        (lambda: ug.matrix("Z", shape=(3,)), ValueError),
        (lambda: ug.vector("u", shape=(3, 3)), ValueError),
        (lambda: ug.matrix("Z", dtype="int32"), TypeError),
    ):
        with pytest.raises(error):
            wrong()


def test_gradients_to_marked_tensors_and_results(rng):
    """By the storage that they mark: it is what the graph is made of."""
    x = pt.tensor("x", shape=(2, N, N), dtype="float64")
    Z, value = ug.as_complex(x), normal(rng, N, N)
    Y = Z @ Z
    loss = (Y * Y.conj()).real.sum()
    f = ug.function([x], [*ug.grad(loss, [Z, Y]), ug.grad(loss, x)], mode="FAST_COMPILE")
    to_z, to_y, to_x = f(ug.stacked.from_complex(value))
    y = value @ value
    assert np.allclose(to_y, 2 * y)
    assert np.allclose(to_z, 2 * y @ value.conj().T + value.conj().T @ (2 * y))
    assert np.array_equal(ug.stacked.to_complex(to_x), to_z)


def test_function_takes_both_forms_and_names_the_wrong_ones(rng):
    Z, u = ug.matrix("Z", shape=(N, N)), ug.vector("u")
    f = ug.function([Z, pytensor.In(u, name="v")], {"a": Z @ u, "n": Z.norm()}, mode="FAST_COMPILE")
    z, v = normal(rng, N, N), normal(rng, N)
    assert np.allclose(f(z, v)["a"], z @ v)
    assert np.allclose(f(ug.stacked.from_complex(z), v)["a"], z @ v)
    assert not np.iscomplexobj(f(z, v)["n"])
    with pytest.raises(
        ValueError, match=r"Z .*expected a complex array of 2 axes, got shape \(3,\)"
    ):
        f(v, v)
    with pytest.raises(TypeError, match=r"Z .*stacked real one of 3, got dtype float64"):
        f(z.real, v)
    with pytest.raises(TypeError, match="inputs must be a list"):
        ug.function(Z, Z)
    with pytest.raises(TypeError, match="cost must be a real scalar"):
        ug.grad(Z.trace(), Z)


def test_class_is_kept_by_copies_and_clones(rng):
    Z, W, P = (ug.matrix(name, shape=(N, N)) for name in "ZWP")
    product = Z @ W
    assert isinstance(Z.clone(), ug.ComplexVariable)
    assert isinstance(clone_replace([product], {Z: P})[0], ug.ComplexVariable)
    assert isinstance(pickle.loads(pickle.dumps(product)), ug.ComplexVariable)
    z, w = normal(rng, N, N), normal(rng, N, N)
    f = ug.function([Z, W], product, mode="FAST_COMPILE")
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert np.array_equal(again(z, w), f(z, w))


def test_vectorized(rng):
    Z, W, many = ug.matrix("Z", (N, N)), ug.matrix("W", (N, N)), ug.matrix("many", (4, N, N))
    batched = vectorize_graph(Z.H @ W @ Z, {Z: many})
    assert isinstance(batched, ug.ComplexVariable)
    z, w = normal(rng, 4, N, N), normal(rng, N, N)
    result = ug.function([many, W], batched, mode="FAST_COMPILE")(z, w)
    assert np.allclose(result, z.conj().swapaxes(1, 2) @ w @ z)


def test_inside_scan_and_op_from_graph(rng):
    Z, u = ug.matrix("Z", (N, N)), ug.vector("u", (N,))

    def step(h, W):
        return (ug.as_complex(W) @ ug.as_complex(h)).stacked

    states = pytensor.scan(
        step,
        outputs_info=[u.stacked],
        non_sequences=[Z.stacked],
        n_steps=4,
        strict=True,
        return_updates=False,
    )
    last = ug.as_complex(states[-1])
    twice = OpFromGraph([Z], [Z @ Z])(Z)
    loss = last.norm() + ug.as_complex(twice).norm()
    f = ug.function([Z, u], [last, loss, ug.grad(loss, Z)], mode="FAST_COMPILE")
    z, v = normal(rng, N, N), normal(rng, N)
    end, _, gradient = f(z, v)
    assert np.allclose(end, np.linalg.matrix_power(z, 4) @ v)
    direction, h = normal(rng, N, N), 1e-6
    slope = (f(z + h * direction, v)[1] - f(z - h * direction, v)[1]) / (2 * h)
    assert np.vdot(gradient, direction).real == pytest.approx(slope, rel=1e-6)


@pytest.mark.filterwarnings(*THIRD_PARTY)
@pytest.mark.parametrize(
    "mode",
    [
        "CVM",
        pytest.param("NUMBA", marks=pytest.mark.slow),
        "JAX",
        pytest.param("PYTORCH", marks=pytest.mark.slow),
    ],
)
def test_modes_agree(mode, rng):
    (Z, W, u, R, _), values = inputs_and_values(rng)
    loss = ((2j * Z @ W - Z / W + R) * Z.H).norm() + abs(u @ W).sum() + (Z.trace() * 1j).real
    outputs = [loss, *ug.grad(loss, [Z, W, u])]
    results = [ug.function([Z, W, u, R], outputs, mode="FAST_COMPILE")(*values[:4])]
    with the_mode(mode) if mode in PACKAGES else nullcontext():
        results.append(ug.function([Z, W, u, R], outputs, mode=mode)(*values[:4]))
    for a, b in zip(*results, strict=True):
        assert np.abs(a - b).max() <= 1e3 * EPS * np.abs(a).max()


def test_rewrites_never_meet_a_complex_input():
    """Their operators would mean another thing: `Stacked` stands until arithmetic is over."""
    Z = ug.matrix("Z", shape=(N, N))
    seen = []

    class Watch(pytensor.graph.rewriting.basic.GraphRewriter):
        def apply(self, fgraph):
            seen.extend(
                node.op
                for node in fgraph.apply_nodes
                if any(v in fgraph.inputs for v in node.inputs)
            )

    mode = pytensor.compile.mode.get_mode("FAST_COMPILE").register((Watch(), 47))
    f = ug.function([Z], (Z[0] * Z.real[1]).norm(), mode=mode)
    assert all(isinstance(op, Stacked) for op in seen)
    left = {type(node.op) for node in f.compiled.maker.fgraph.apply_nodes}
    assert not left & {Stacked, Complex}


def test_shared_complex_variables(rng):
    z = normal(rng, N, N)
    W = ug.parameter(z, name="W")
    assert np.array_equal(W.value, z)
    assert np.array_equal(W.get_value(), ug.stacked.from_complex(z))
    f = ug.function([], (W.H @ W).trace(), updates={W: W * 2j}, mode="FAST_COMPILE")
    assert np.allclose(f(), np.trace(z.conj().T @ z))
    assert np.array_equal(W.value, 2j * z)
    again = pickle.loads(pickle.dumps(W))
    assert isinstance(again, ug.ComplexVariable)
    assert again.manifold == W.manifold
    assert np.array_equal(again.value, W.value)
