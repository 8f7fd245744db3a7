"""Type hints of the public face: none is missing, and type checkers read a user's script."""

import inspect
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCRIPT = HERE / "typed_user.py"
MODULES = [
    "unitarygraph",
    "unitarygraph.checks",
    "unitarygraph.manifolds",
    "unitarygraph.models",
    "unitarygraph.nn",
    "unitarygraph.nn.initializers",
    "unitarygraph.parametrizations",
    "unitarygraph.stacked",
    "unitarygraph.updates",
    "unitarygraph.updates.schedules",
]
# What subclasses and the library call on stored tensors, not users.
INTERNAL = {
    "arguments",
    "check_shape",
    "is_embedded",
    "isometric_transport",
    "load",
    "normal_matrices",
    "store",
    # of manifolds of unit vectors and of the generalized Stiefel manifold
    "flat",
    "lengths",
    "normalized",
    "pairing",
    "vector_axes",
    "vectors",
    # of parametrizations and cells
    "activated",
    "driven",
    "gated",
    "of",
    "of_value",
    "part",
    "product",
    "product_hconj",
    "run_dense",
    "run_structured",
    "set_weight",
    "skew_value_of",
}
SPECIAL = {"__init__", "__call__", "__str__", "__bool__"}


def missing(function):
    """Names of the arguments without a type, and "return"."""
    signature = inspect.signature(function)
    bare = [
        p.name
        for p in signature.parameters.values()
        if p.annotation is p.empty and p.name not in ("self", "cls")
    ]
    return bare + ["return"] * (signature.return_annotation is signature.empty)


def functions_of(owner, name):
    """The (qualified name, function) pairs that a public value brings, methods included."""
    if inspect.isfunction(owner):
        yield name, owner
    if not inspect.isclass(owner):
        return
    for parent in owner.__mro__:
        if not parent.__module__.startswith("unitarygraph."):
            continue
        for key, member in vars(parent).items():
            if (key.startswith("_") and key not in SPECIAL) or key in INTERNAL:
                continue
            function = member.fget if isinstance(member, property) else member
            if inspect.isfunction(function) and function.__name__ != "<lambda>":
                yield f"{parent.__module__}.{parent.__name__}.{key}", function


def public_functions(path):
    module = import_module(path)
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"
    ]
    found = {}
    for name in names:
        found |= dict(functions_of(getattr(module, name), f"{path}.{name}"))
    return found


def by_dataclass(function):
    """Whether a function was written by `dataclasses`."""
    return function.__code__.co_filename == "<string>"


@pytest.mark.parametrize("path", MODULES)
def test_public_functions_are_typed(path):
    found = public_functions(path)
    assert found
    bare = {
        name: missing(function) for name, function in found.items() if not by_dataclass(function)
    }
    assert {name: names for name, names in bare.items() if names} == {}


def test_missing_types_are_found():
    def bare(x, y: int = 0):
        return x

    assert missing(bare) == ["x", "return"]


def expected():
    """Line of the script -> what it must reveal."""
    pairs = {}
    for number, line in enumerate(SCRIPT.read_text().splitlines(), 1):
        said = re.match(r"\s*reveal_type\(.*\)  # (.*)", line)
        if said:
            pairs[number] = said[1]
    return pairs


def compare(output, pattern):
    """What a checker revealed, line by line, ends or begins as the script says."""
    revealed = {int(m[1]): m[2] for m in re.finditer(pattern, output)}
    bare = {n: re.sub(r"\b(\w+\.)+", "", kind) for n, kind in revealed.items()}
    wanted = expected()
    assert bare.keys() == wanted.keys(), output
    wrong = {n: (bare[n], kind) for n, kind in wanted.items() if not bare[n].startswith(kind)}
    assert wrong == {}


@pytest.mark.slow
def test_mypy_reads_a_users_script(tmp_path):
    pytest.importorskip("mypy")
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent",
         "--config-file=", f"--cache-dir={tmp_path}", str(SCRIPT)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    compare(result.stdout, r":(\d+): note: Revealed type is \"(.*)\"")


@pytest.mark.slow
def test_pyright_reads_a_users_script(tmp_path):
    checker = shutil.which("basedpyright") or shutil.which("pyright")
    if checker is None:
        pytest.skip("neither basedpyright nor pyright is installed")
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        f'{{"include": ["{SCRIPT}"], "extraPaths": ["{ROOT}"], "typeCheckingMode": "standard"}}'
    )
    result = subprocess.run(
        [checker, "--pythonpath", sys.executable, "-p", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    compare(result.stdout, r":(\d+):\d+ - information: Type of \".*\" is \"(.*)\"")
