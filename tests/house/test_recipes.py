"""CONTRIBUTING's recipes, tried by doing them: each printed block runs, under the package's own laws.

A block's first line says where it belongs. Files are written into a folder of their own and imported
from there, rows and branches are put into the tables for one test; the package holds none of them.
"""

import ast
import inspect
import re
import sys
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import manifold_table
import numpy as np
import op_table
import parametrization_table
import pytensor
import pytensor.tensor as pt
import pytest
import test_architecture
import test_lineage
import test_manifolds
import test_ops
import test_parametrization_laws
from backend_modes import THIRD_PARTY, the_mode
from numpy.testing import assert_allclose
from oracles import complex_normal

import unitarygraph as ug
from unitarygraph import models, nn, stacked, tasks, updates
from unitarygraph.core.layout import plain
from unitarygraph.ops import activations
from unitarygraph.ops.recurrence import recurrence, reference
from unitarygraph.parameter import parameter

pytestmark = [
    # pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS"),
    # PyTensor's sums ask JAX for float64 accumulators, and scatter what comes of it.
    pytest.mark.filterwarnings("ignore:scatter inputs have incompatible types"),
    *(pytest.mark.filterwarnings(line) for line in THIRD_PARTY),
]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
EPS = np.finfo("float64").eps
#: (file, what of it; nothing: the whole file) -> code
BLOCKS = {
    (path, what): code
    for path, what, code in re.findall(
        r"```python\n# ([\w/.]+?\.py)(?:, (.*?))?\n(.*?)```", PAGE, re.S
    )
}
FILES = [path for path, what in BLOCKS if not what]
HANDED_IN = [path for path in FILES if path.startswith(("unitarygraph/", "models/"))]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder on sys.path with the files of all recipes; references of models are in one of theirs."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "references").mkdir()
    for path in FILES:
        home = folder / "references" if path.startswith("tests/") else folder
        (home / Path(path).name).write_text(BLOCKS[path, ""])
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def rows(path, what, module, **names):
    """What the printed lines of a table say, in the names of the table's module and of the recipe."""
    code = BLOCKS[path, what].strip()
    if code.startswith(('"', "(")):
        code = f"{{{code}}}"
    return eval(code, vars(module) | names)


def load(path, name):
    """A file as a module that is not on sys.path."""
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The page.


def test_every_block_is_run_here():
    """A block that names no file would be printed and never tried."""
    assert PAGE.count("```python") == len(BLOCKS)
    source = Path(__file__).read_text()
    for path, what in BLOCKS:
        assert what in source
        assert Path(path).stem in source


def test_the_page_has_the_floors_of_the_house():
    listed = re.search(r"```text\n(.*?)```", PAGE, re.S)[1]
    assert [tuple(line.split()) for line in listed.splitlines()] == test_architecture.FLOORS
    rooms = PAGE.partition("```text")[2].partition("## An Op")[0].partition("```")[2]
    for floor in test_architecture.FLOORS:
        for room in floor:
            assert re.search(rf"`{room}(/|\.py)`|`{room}\b", rooms), f"{room} has no words"


def test_files_and_folders_that_the_page_names_are_there():
    named = set(re.findall(r"`((?:unitarygraph|models|tests|docs|nn|ops|updates|tasks|link|core|"
                           r"manifolds|parametrizations|\.ci)/[\w/.]*)`", PAGE))  # fmt: skip
    assert len(named) > 15
    for name in named:
        assert any((root / name).exists() for root in (ROOT, ROOT / "unitarygraph")), name
    for link in re.findall(r"\]\(([^)]*)\)", PAGE):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("path", HANDED_IN)
def test_what_is_printed_could_be_handed_in(path):
    """Imports run downward, no such file or name is there yet, everything has a docstring."""
    code = BLOCKS[path, ""]
    name = path.removeprefix("unitarygraph/").removesuffix(".py").replace("/", ".")
    assert list(test_architecture.violations(code, name)) == []
    assert not (ROOT / path).exists()
    tree = ast.parse(code)
    assert ast.get_docstring(tree)
    known = {*dir(ug), *dir(nn), *dir(updates), *models.MODELS, *tasks.TASKS}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            assert ast.get_docstring(node), node.name
            assert node.name not in known
    assert all(len(line) <= 106 for line in code.splitlines())


# An Op: the laws of tests/ops.


@pytest.fixture
def commutator(site, monkeypatch):
    module = import_module("commutator")
    row = rows("tests/ops/op_table.py", "a row of TABLE", op_table, commutator=module.commutator)
    for name, entry in row.items():
        monkeypatch.setitem(op_table.TABLE, name, entry)
    return module


OP_LAWS = {
    "numpy": lambda field, rng: test_ops.test_agrees_with_numpy(
        "commutator", field, "float32", rng
    ),
    "slopes": lambda field, rng: test_ops.test_derivatives_by_differences(
        "commutator", field, 1, rng
    ),
    "second": lambda field, rng: test_ops.test_derivatives_by_differences(
        "commutator", field, 2, rng
    ),
    "adjoint": partial(test_ops.test_pushforward_is_the_adjoint_of_pullback, "commutator"),
    "tangents": lambda field, rng: test_ops.test_tangents_of_all_inputs_at_once(
        "commutator", field, True, rng
    ),
    "batch": lambda field, rng: test_ops.test_a_batch_is_a_loop(
        "commutator", field, "float64", rng
    ),
    "empty": partial(test_ops.test_empty_and_one_by_one, "commutator"),
    "nan": lambda field, rng: test_ops.test_what_is_not_finite_gives_nan(
        "commutator", field, np.nan, rng
    ),
    "shapes": partial(test_ops.test_shapes_without_values, "commutator"),
    "errors": partial(test_ops.test_clear_errors, "commutator"),
}


@pytest.mark.parametrize("law", OP_LAWS)
@pytest.mark.parametrize("field", ["complex", "real"])
def test_an_op_is_one_file_and_one_row(law, field, commutator, rng):
    OP_LAWS[law](field, rng)


# One adapter serves all Ops: PyTorch's is tried by tests/link, as long as it compiles.
@pytest.mark.parametrize("mode", ["JAX", pytest.param("PYTORCH", marks=pytest.mark.slow)])
def test_an_op_needs_nothing_on_a_backend(mode, commutator, rng):
    """Of complex variables, in a batch: value and gradient are Python's."""
    Z, W = (ug.matrix(name, shape=(3, 2, 2), dtype="float64") for name in "ZW")
    C = commutator.commutator(Z, W)
    outputs = [C, *ug.grad((abs(C) ** 2).sum(), [Z, W])]
    values = complex_normal(rng, 3, 2, 2), complex_normal(rng, 3, 2, 2)
    z, w = values
    c = z @ w - w @ z
    zh, wh = (np.swapaxes(a, -1, -2).conj() for a in values)
    expected = [c, 2 * (c @ wh - wh @ c), 2 * (zh @ c - c @ zh)]
    with the_mode(mode):
        found = ug.function([Z, W], outputs, mode=mode)(*values)
    for value, right in zip(found, expected, strict=True):
        assert_allclose(np.asarray(value), right, rtol=0, atol=100 * EPS * np.abs(right).max())


def test_an_op_without_its_row_is_found(site, commutator, rng, monkeypatch):
    kinds = [commutator.Commutator]
    monkeypatch.setattr(test_ops, "CASES", [("commutator", "complex")])
    assert test_ops.without_row(kinds, rng) == set()
    monkeypatch.setattr(test_ops, "CASES", [("hconj", "complex")])
    assert test_ops.without_row(kinds, rng) == {"Commutator"}


# A manifold: the battery of tests/manifolds.

MANIFOLD_LAWS = [
    "points_and_tangents_pass_their_own_checks",
    "what_is_off_the_manifold_or_not_tangent_is_refused",
    "projection_is_idempotent_and_self_adjoint_in_the_metric",
    "projection_has_the_rank_that_dim_says",
    "riemannian_gradient_gives_every_slope",
    "retractions_have_their_declared_order",
    "retractions_have_their_declared_order_in_single_precision",
    "hessian_is_the_curvature_of_a_loss",
    "geodesic_has_constant_speed_and_goes_on_as_a_geodesic",
    "transport_keeps_tangency_and_the_declared_length",
    "project_is_the_nearest_point",
    "a_batch_is_a_loop",
    "no_step_leaves_the_manifold",
    "no_step_leaves_the_manifold_in_single_precision",
    "nan_gives_nan_never_a_wrong_point",
    "gradients_flow_through_retractions",
    "unknown_shapes_are_accepted",
]


@pytest.mark.parametrize("law", MANIFOLD_LAWS)
@pytest.mark.parametrize("field", ["complex", "real"])
def test_a_manifold_is_one_file_and_its_rows(law, field, site):
    found = rows(
        "tests/manifolds/manifold_table.py",
        "rows of ROWS",
        manifold_table,
        FixedNorm=import_module("fixed_norm").FixedNorm,
    )
    (row,) = [row for row in found if row.manifold.field == field]
    test = getattr(test_manifolds, f"test_{law}")
    rng = {"rng": np.random.default_rng(20)} if "rng" in inspect.signature(test).parameters else {}
    test(row, **rng)


def test_a_manifold_serves_parameters_and_rules(site):
    fixed = import_module("fixed_norm").FixedNorm(radius=3.0)
    P = ug.parameter(fixed.random_point((2, 3), 0, "float64"), fixed, name="P")
    loss = (P - np.arange(6).reshape(2, 3)).norm()
    assert ug.check_gradient(loss, P)
    step = ug.function([], loss, updates=updates.adam(loss, [P], 0.1), mode="FAST_COMPILE")
    losses = [step() for _ in range(40)]
    target = np.linalg.norm(np.arange(6))
    assert losses[-1] == pytest.approx(target - 3, rel=0.01)
    assert np.linalg.norm(P.value) == pytest.approx(3, rel=100 * EPS)


# An update rule: the laws of tests/updates.


@pytest.fixture
def rule_laws(site, monkeypatch):
    """`test_updates` with the rule in its table and the printed branch in its reference."""
    laws = load(ROOT / "tests" / "updates" / "test_updates.py", "laws_of_updates")
    signum = import_module("signum").signum
    branch = BLOCKS["tests/updates/test_updates.py", "a branch of reference"]
    source = inspect.getsource(laws.reference)
    last = "        else:\n            m = 0.9"
    assert source.count(last) == 1
    exec(source.replace(last, branch + last), vars(laws))
    monkeypatch.setitem(laws.RULES, "signum", signum)
    monkeypatch.setitem(updates.RULES, "signum", signum)
    return laws


def test_a_rule_is_its_formula_and_descends(rule_laws):
    rule_laws.test_flat_rules_are_their_formulas("signum")
    rule_laws.test_unitary_rules_are_their_formulas("signum")
    rule_laws.test_mixed_parameters_stay_where_they_live_and_the_loss_falls(
        "signum", "qr", "float32"
    )


@pytest.mark.parametrize(
    "law",
    [
        "an_update_without_its_parameter_or_gradient_is_refused",
        "wrong_arguments_are_named",
        "a_rate_of_zero_is_no_fault",
        "momentum_state_stays_tangent",
    ],
)
def test_a_rule_keeps_the_laws(law, rule_laws):
    getattr(rule_laws, f"test_{law}")(updates.RULES["signum"])


def test_a_rule_keeps_the_guard_and_all_makes_of_rates(rule_laws):
    rule = updates.RULES["signum"]
    for manifold in (rule_laws.UsersUnitary(), rule_laws.UsersUnitaryLike()):
        rule_laws.test_a_discarded_set_subtensor_is_refused_by_every_rule(rule, manifold)
    for floatx, kind in (("float32", "numpy"), ("float64", "symbolic")):
        rule_laws.test_learning_rates_of_every_make_keep_the_dtype(rule, floatx, kind)
    p = parameter(rule_laws.Unitary().random_point(3, 0, "float64"), rule_laws.Unitary(), name="p")
    for kind in (None, "cayley", lambda manifold, x, u: manifold.retr(x, u, kind="polar")):
        assert rule(rule_laws.loss_of(p, 1.0), [p], 0.1, retraction=kind)
    with pytest.raises(ValueError, match="retr: kind must be one of"):
        rule(rule_laws.loss_of(p, 1.0), [p], 0.1, retraction="straight")


def test_a_rule_is_a_setting_with_its_options(rule_laws):
    from unitarygraph.training.rules import Rule, rule_options

    assert {"beta", "epsilon", "retraction"} <= set(rule_options("signum"))
    W = ug.parametrizations.Exp(3, field="real", rng=0, dtype="float64")
    b = parameter(np.ones(3), name="b")
    module = ug.Module()
    module.parts = [W, b]
    loss = ((W() @ b - np.arange(3.0)) ** 2).sum()
    rules = {"orthogonal": Rule("signum", 0.01, {"beta": 0.5}), "other": Rule("sgd", 0.01)}
    new = updates.by_group(loss, module, rules)
    step = pytensor.function([], loss, updates=new, mode="FAST_COMPILE")
    losses = [float(step()) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    assert sum("signum/average" in str(v.name) for v in new) == 1


# A parametrization: the laws of tests/parametrizations, and a cell around it.


@pytest.fixture
def circulant(site):
    module = import_module("circulant")
    row = rows(
        "tests/parametrizations/parametrization_table.py",
        "a row of ROWS",
        parametrization_table,
        Circulant=module.Circulant,
    )
    return module.Circulant, row


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_parametrization_is_its_definition(n, circulant, rng):
    laws, (_, row) = test_parametrization_laws, circulant
    laws.test_value_product_and_gradient_are_those_of_the_definition(row, "complex", n)
    laws.test_inverse_map_gives_parameters_of_a_matrix(row, "complex", n, rng)


@pytest.mark.parametrize(
    "law",
    [
        "single_precision_stays_single",
        "parameters_are_counted_grouped_and_named",
        "inverse_map_in_single_precision",
    ],
)
def test_a_parametrization_keeps_the_laws(law, circulant, rng):
    test = getattr(test_parametrization_laws, f"test_{law}")
    more = [rng] if "rng" in inspect.signature(test).parameters else []
    test(circulant[1], "complex", *more)


@pytest.mark.filterwarnings("ignore")
def test_a_parametrization_needs_nothing_on_jax(circulant):
    test_parametrization_laws.check_jax([(circulant[1], "complex")])


def test_a_parametrization_refuses_what_it_has_not(circulant, rng):
    p = circulant[0](3, rng=0)
    with pytest.raises(ValueError, match="W must be circulant, is off by"):
        p.set_value(np.diag([1, 1j, -1]))
    with pytest.raises(ValueError, match="field must be 'complex', got 'real'"):
        circulant[0](3, field="real")


@pytest.mark.parametrize("structured", [True, False])
def test_a_parametrization_in_a_cell(structured, circulant, rng):
    """Two steps of h W + x V through the tanh of both parts, W by product and by matrix."""
    W = circulant[0](3, rng=1, dtype="float64")
    cell = nn.RecurrentCell(W, 2, activation="tanh", structured=structured, rng=2)
    assert [p.name for p in cell.params] == ["theta", "V", "b"]
    x = rng.standard_normal((2, 4, 2))
    states = stacked.to_complex(plain(cell(pt.as_tensor(x))).eval(mode="FAST_COMPILE"))
    split = lambda z: np.tanh(z.real) + 1j * np.tanh(z.imag)  # noqa: E731
    h = 0
    for x_t, state in zip(x, states, strict=True):
        h = split(h * np.ones((4, 3)) @ W.value() + x_t @ cell.input_weight.value + cell.bias.value)
        assert_allclose(state, h, rtol=0, atol=100 * EPS)


# A layer.


def test_a_layer_is_walked_and_is_its_formula(site, rng):
    from unitarygraph.parametrizations import Exp

    layer = import_module("modulated").Modulated(3, 2, rng=0, dtype="float64")
    layer.phase.set_value(np.array([0.3, -1.2]))
    layer.dense.bias.set_value(rng.standard_normal((2, 2)))
    x = complex_normal(rng, 5, 3)
    Z = ug.matrix("Z", shape=(5, 3), dtype="float64")
    y = layer(Z)
    assert isinstance(y, ug.ComplexVariable)
    expected = (x @ layer.dense.value() + layer.dense.bias.value) * np.exp([0.3j, -1.2j])
    found = ug.function([Z], y, mode="FAST_COMPILE")(x)
    assert_allclose(found, expected, rtol=0, atol=100 * EPS)
    for p in layer.params:
        assert ug.check_gradient((y * y).real.sum(), p, inputs={Z: x})
    around = import_module("modulated").Modulated(
        2, 2, parametrization=Exp, dtype="float32", rng=0, name="m"
    )
    names = {
        group: [p.name for p in around.group(group)] for group in ("orthogonal", "phase", "other")
    }
    assert names["phase"] == ["m/phase"]
    assert names["other"] == ["m/dense/bias"]
    assert len(names["orthogonal"]) == 1
    assert around.free_parameters() == 4 + 4 + 2
    assert {p.type.dtype for p in around.params} == {"float32"}
    assert not isinstance(
        around(stacked.from_complex(x[:, :2].astype("complex64"))), ug.ComplexVariable
    )


# A model: by module:Class, under the laws of the lineage.

MODEL = "cayleyrnn:CayleyRNN"


@pytest.fixture
def model_laws(site, monkeypatch):
    monkeypatch.setitem(
        test_lineage.REFERENCES, MODEL, load(site / "references" / "cayleyrnn.py", "cayley_formula")
    )
    return test_lineage


def test_a_model_is_its_formula(model_laws, rng):
    model_laws.test_outputs_are_the_formula_and_gradients_its_slopes(MODEL, {}, rng)
    model_laws.test_parameter_count_is_the_published_one(MODEL, {})
    model_laws.test_seed_decides_the_initial_values(MODEL)
    assert models.options_of(MODEL) == {
        "init": "cayley", "layers": 1, "bidirectional": False, "dropout": 0.0, "memory": "all",
    }  # fmt: skip


@pytest.mark.slow
def test_a_model_trains_and_stays_unitary(model_laws, rng):
    model_laws.test_training_by_its_own_rules_keeps_what_is_unitary(MODEL, {}, rng)


# A task, trained on by that model through the front door.


@pytest.fixture
def task_laws(site):
    laws = load(ROOT / "tests" / "tasks" / "test_tasks.py", "laws_of_tasks")
    row = rows("tests/tasks/test_tasks.py", "a row of CASES", laws)
    return laws, tasks.build("recall:Recall", **row["recall"])


def test_a_task_keeps_the_laws(task_laws):
    laws, task = task_laws
    laws.test_batches_fit_the_symbolic_inputs(task)
    laws.test_same_seed_same_batches_and_other_seed_others(task)
    laws.test_stream_continues_from_its_state(task)
    laws.test_evaluation_set_is_fixed_whole_and_independent_of_the_batch(task)
    x, y = next(task.batches(0, 3000, "float64"))
    assert np.array_equal(x[0, :, 0], y)
    loss, metrics = laws.loss_and_metrics(task, np.zeros((7, 3000, 1)), y)
    assert loss == pytest.approx(np.mean(y**2))
    # The variance of y^2 is 2.
    assert loss == pytest.approx(task.baseline, abs=4 * (2 / 3000) ** 0.5)
    assert metrics == {}


def test_a_task_and_a_model_are_trained_by_name(site, tmp_path):
    run = ug.train(
        "recall:Recall", model=MODEL, hidden=4, steps=3, length=3, batch=8, backend="python",
        log_every=1, out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert np.isfinite(run.metrics["loss"]).all()
    assert run.task.length == 3
    assert run.metrics["unitarity"].max() < 1e3 * np.finfo("float32").eps


# An activation.


@pytest.fixture
def softsign(monkeypatch):
    names = vars(activations) | {}
    exec(BLOCKS["unitarygraph/ops/activations.py", "a function"], names)
    monkeypatch.setitem(activations.ACTIVATIONS, "softsign", names["softsign"])
    return names["softsign"]


@pytest.fixture
def softsign_row():
    row = rows("unitarygraph/ops/activations.py", "a row of RECURRENT", activations)
    return row["softsign"]


def test_an_activation_is_its_formula(softsign, rng):
    laws = (
        import_module("test_activations")
        if "test_activations" in sys.modules
        else load(ROOT / "tests" / "ops" / "test_activations.py", "laws_of_activations")
    )
    row = rows("tests/ops/test_activations.py", "a row of COMPLEX", laws)
    (((name, options), formula),) = row.items()
    laws.test_formula_and_gradient(rng, "complex", name, options, formula)
    laws.test_formula_and_gradient(rng, "real", name, options, lambda x: x / (1 + abs(x)))
    Z = ug.vector("Z", shape=(3,), dtype="float64")
    assert isinstance(softsign(Z), ug.ComplexVariable)


def cell_and_states():
    """A cell with the activation, and what it makes of random input by its states' gradient."""
    W = ug.parametrizations.Exp(3, init="haar", rng=1, dtype="float64")
    cell = nn.RecurrentCell(W, 2, activation="softsign", bias_range=0.3, rng=2)
    x = np.random.default_rng(4).standard_normal((4, 5, 2))
    states = plain(cell(pt.as_tensor(x)))
    weights = np.random.default_rng(5).standard_normal((4, 2, 5, 3))
    return cell, x, states, pt.grad((states * weights).sum(), cell.params)


def test_an_activation_is_taken_by_every_cell(softsign, rng):
    cell, x, states, gradients = cell_and_states()
    found = pytensor.function([], [states, *gradients], mode="FAST_COMPILE")()
    f = lambda z: z.real / (1 + abs(z.real)) + 1j * z.imag / (1 + abs(z.imag))  # noqa: E731
    h = np.zeros((5, 3), complex)
    W, V, b = cell.matrix(), cell.input_weight.value, cell.bias.value
    for x_t, state in zip(x, stacked.to_complex(found[0]), strict=True):
        h = f(h @ W + x_t @ V + b)
        assert_allclose(state, h, rtol=0, atol=100 * EPS)
    assert ug.check_gradient((states**2).sum(), cell.input_weight, directions=1)


def test_a_row_of_the_recurrence_has_one_formula_in_four_forms(softsign_row, rng):
    row, z = softsign_row, np.concatenate([rng.standard_normal(50) * 3, [0.0]])
    h = row.value(np, z, None)
    assert_allclose(h, z / (1 + abs(z)), rtol=4 * EPS)
    step = 1e-6
    slope = (row.value(np, z + step, None) - row.value(np, z - step, None)) / (2 * step)
    assert_allclose(row.slope(np, h, 2 * np.ones_like(h)), 2 * slope, rtol=1e-5)
    for value, z_one, h_one in zip(row.slope(np, h, np.ones_like(h)), z, h, strict=True):
        assert row.entry(z_one, 0.0, 0.0, row.constant) == pytest.approx(h_one, rel=4 * EPS)
        assert row.entry_slope(h_one, 1.0, 0.0, row.constant) == pytest.approx(value, rel=1e-13)
    assert np.isnan(row.entry(np.nan, 0.0, 0.0, 1.0))


@pytest.mark.parametrize("mode", ["reference", "JAX"])
def test_an_activation_in_the_one_op(mode, softsign, softsign_row, rng, monkeypatch):
    """In JAX's form and in NumPy's, of which tests make the judge of the compiled loops.

    These are compiled from the table once, when they are first imported, so they have no part here.
    """
    _, _, states, gradients = cell_and_states()
    expected = pytensor.function([], [states, *gradients], mode="FAST_COMPILE")()
    monkeypatch.setitem(activations.RECURRENT, "softsign", softsign_row)
    _, x, states, gradients = cell_and_states()
    if mode == "JAX":
        with the_mode(mode):
            found = pytensor.function([], [states, *gradients], mode=mode)()
        for value, right in zip(found, expected, strict=True):
            assert_allclose(np.asarray(value), right, rtol=0, atol=1e3 * EPS)
        return
    drive = x @ np.ones((2, 3))
    W, start, none = 0.5 * np.eye(3), np.zeros((5, 3)), np.zeros(0)
    h, _ = reference.forward(drive, W, start, none, None, "softsign")
    again = np.zeros((5, 3))
    for d, value in zip(drive, h, strict=True):
        again = (again / 2 + d) / (1 + abs(again / 2 + d))
        assert_allclose(value, again, rtol=0, atol=10 * EPS)
    op = recurrence(drive, W, start, activation="softsign")
    assert "softsign" in str(op.owner.op) or op.owner.op.activation == "softsign"
