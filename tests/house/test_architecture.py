"""Imports run downward, graphs lose no result, and the public face loads no backend."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import unitarygraph

ROOT = Path(unitarygraph.__file__).parent
MODELS = ROOT.parent / "models"

# Floors from the top down; a file may import its own floor and those below it.
FLOORS = [
    ("cli",),
    ("comparing",),
    ("training",),
    ("models", "tasks"),
    ("nn",),
    ("minimize",),
    ("updates",),
    ("parametrizations", "constraint_dissolving", "weights"),
    ("checks",),
    ("module",),
    ("parameter", "function"),
    ("manifolds",),
    ("rewrites",),
    # Ops call kernels when they first run, kernels read the table of activations.
    ("ops", "kernels"),
    ("stacked",),
    ("core",),
    ("registry",),
]
FLOOR_OF = {name: level for level, names in enumerate(FLOORS) for name in names}
# Only link/ may know a backend, and the compiled loops the compiler.
BACKENDS = ("jax", "torch", "numba", "llvmlite", "pytensor.link")
COMPILER = ("numba", "llvmlite")
# The public face imports every floor, link/ sits beside them and is loaded by PyTensor.
BESIDE = {"__init__", "link"}
PURE = ("set_subtensor", "inc_subtensor", "astype", "squeeze", "reshape", "specify_shape")
# x[0].set(y), x[0].inc(y)
PURE_OF_A_PART = ("set", "inc")


def imported_modules(tree):
    """Names of all modules that a syntax tree imports, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level
            if node.module != ROOT.name:
                yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lost_results(tree):
    """(line, name) of calls that return a new variable which nothing takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            called = getattr(function, "attr", getattr(function, "id", ""))
            of_a_part = isinstance(getattr(function, "value", None), ast.Subscript)
            if called in PURE or (of_a_part and called in PURE_OF_A_PART):
                yield node.lineno, called


def floor_of(module):
    """Floor of a module of ours, None for the public face, link/ and other packages."""
    parts = module.split(".")
    if parts[0] != "unitarygraph" or len(parts) < 2:
        return None
    return FLOOR_OF.get(parts[1])


def is_public_face(module):
    """Whether it is the package itself or a name that it exports, which may be of any floor."""
    parts = module.split(".")
    known = set(FLOOR_OF) | BESIDE
    return parts[0] == ROOT.name and (len(parts) < 2 or parts[1] not in known)


def violations(source, name):
    """What a file called ``name`` (as in ``ops.qr``) may not import or throw away."""
    tree = ast.parse(source)
    top = name.split(".")[0]
    for module in imported_modules(tree):
        if module.startswith("."):
            yield f"{name} imports relatively"
        if top in FLOOR_OF and is_public_face(module):
            yield f"{name} imports {module}, the public face, which is above it"
        level = floor_of(module)
        if level is not None and top in FLOOR_OF and level < FLOOR_OF[top]:
            yield f"{name} imports {module}, which is above it"
        backend = next((b for b in BACKENDS if module == b or module.startswith(b + ".")), None)
        if backend and top != "link" and not (top == "kernels" and backend in COMPILER):
            yield f"{name} imports {module}, which only link/ may"
    for line, called in lost_results(tree):
        yield f"{name} line {line} throws the result of {called} away"


def sources():
    """(dotted name, path) of every file of the library and the models."""
    for path in sorted(ROOT.rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path
    for path in sorted(MODELS.glob("*.py")):
        yield f"models.{path.stem}", path


@pytest.mark.parametrize(("name", "path"), list(sources()), ids=lambda value: str(value)[-40:])
def test_imports_run_downward_and_no_result_is_lost(name, path):
    assert list(violations(path.read_text(), name)) == []


@pytest.mark.parametrize(
    ("name", "planted", "words"),
    [
        ("ops.qr", "from unitarygraph.manifolds import Unitary", "above it"),
        ("ops.qr", "import unitarygraph as ug", "above it"),
        ("ops.qr", "from unitarygraph import minimize", "above it"),
        ("ops.qr", "def f():\n    from unitarygraph import orthogonalize", "above it"),
        ("stacked.algebra", "def f():\n    import unitarygraph.nn", "above it"),
        ("manifolds.unit_vectors", "import jax.numpy as jnp", "only link/"),
        ("ops.qr", "from pytensor.link.numba.dispatch import basic", "only link/"),
        ("kernels.qr", "from pytensor.link.numba.dispatch import basic", "only link/"),
        ("ops.qr", "def f():\n    from numba import njit", "only link/"),
        ("manifolds.unitary", "def f(x, y):\n    pt.set_subtensor(x[0], y)\n    return x", "away"),
        ("ops.qr", "def f(x, y):\n    x[0].set(y)\n    return x", "throws the result of set away"),
        ("nn.linear", "x.astype('float32')", "away"),
        ("models.gru", "from unitarygraph import cli\nfrom unitarygraph.cli import main", "above"),
    ],
)
def test_planted_violations_are_found(name, planted, words):
    found = list(violations(planted, name))
    assert found, "the planted violation went unseen"
    assert any(words in text for text in found)


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "examples"])
def test_no_result_is_lost_beside_the_library(folder):
    paths = list((ROOT.parent / folder).rglob("*.py"))
    assert paths
    lost = {path.name: list(lost_results(ast.parse(path.read_text()))) for path in paths}
    assert {name: found for name, found in lost.items() if found} == {}


def test_every_floor_is_known():
    tops = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    tops -= BESIDE | {"__pycache__", "py"}
    assert tops <= set(FLOOR_OF), f"say in FLOORS where {tops - set(FLOOR_OF)} belongs"


def test_import_loads_no_backend():
    code = (
        "import sys, unitarygraph; "
        "print([m for m in ('jax', 'torch', 'numba', 'matplotlib', 'typer', 'sklearn') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("first", ["unitarygraph", "pytensor.link.jax.dispatch"])
def test_kernels_follow_the_backend(first):
    """They are registered with PyTensor's dispatch, whichever of the two is imported first."""
    pytest.importorskip("jax")
    code = (
        f"import sys, {first}; before = 'unitarygraph.link.jax' in sys.modules; "
        "import unitarygraph, pytensor.link.jax.dispatch; "
        "print(before, 'unitarygraph.link.jax' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "True"]


def test_models_refuses_to_be_imported_by_its_folder_name():
    result = subprocess.run(
        [sys.executable, "-c", "import models"],
        capture_output=True,
        text=True,
        cwd=MODELS.parent,
        check=False,
    )
    assert result.returncode != 0
    assert "unitarygraph.models" in result.stderr


def spoiled_formulas(source):
    """Functions whose docstring opens with the capital of an argument: Y = x, where it is y."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            words = (ast.get_docstring(node) or "").split()
            arguments = {a.arg for a in node.args.args}
            if len(words) > 1 and words[1] in {"=", "+", "-", "/", "+=", "itself"}:
                first = words[0]
                if first.lower() in arguments and first not in arguments:
                    yield node.name


def test_docstrings_keep_the_case_of_formulas():
    """Ruff's D403 makes Y = x of y = x: it stays off, and nobody does so by hand."""
    assert list(spoiled_formulas('def copy(x, y):\n    """Y = x."""')) == ["copy"]
    assert list(spoiled_formulas('def copy(x, y):\n    """y = x."""')) == []
    spoiled = {name: list(spoiled_formulas(path.read_text())) for name, path in sources()}
    assert {name: found for name, found in spoiled.items() if found} == {}
    with (ROOT.parent / "pyproject.toml").open("rb") as file:
        assert "D403" in tomllib.load(file)["tool"]["ruff"]["lint"]["ignore"]
