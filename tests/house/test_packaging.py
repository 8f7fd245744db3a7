"""The wheel holds every package, and every public name is documented."""

import importlib.util
import inspect
import tomllib
from pathlib import Path

import pytest

import unitarygraph as ug

ROOT = Path(ug.__file__).parent.parent
PUBLIC = [
    "",
    ".manifolds",
    ".models",
    ".nn",
    ".parametrizations",
    ".stacked",
    ".tasks",
    ".updates",
]


def packages_on_disk(root):
    """Dotted names of all packages below a checkout, models/ under its import name."""
    found = {
        ".".join(path.parent.relative_to(root).parts)
        for path in (root / "unitarygraph").rglob("__init__.py")
    }
    return found | {"unitarygraph.models"}


def declared_packages(root):
    """Packages that pyproject.toml puts into the wheel."""
    with (root / "pyproject.toml").open("rb") as file:
        return set(tomllib.load(file)["tool"]["setuptools"]["packages"])


def test_every_package_is_in_the_wheel():
    assert declared_packages(ROOT) == packages_on_disk(ROOT)


def test_a_forgotten_package_is_found(tmp_path):
    planted = tmp_path / "unitarygraph" / "planted"
    planted.mkdir(parents=True)
    (planted / "__init__.py").touch()
    assert "unitarygraph.planted" in packages_on_disk(tmp_path) - declared_packages(ROOT)


def public_names():
    """(module, name) of everything in an ``__all__``."""
    for suffix in PUBLIC:
        module = importlib.import_module(f"unitarygraph{suffix}")
        yield from ((module.__name__, name) for name in module.__all__)


@pytest.mark.parametrize(("module", "name"), list(public_names()))
def test_every_public_name_has_a_docstring(module, name):
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        assert inspect.getdoc(value), f"{module}.{name} has no docstring"


def test_the_api_page_is_up_to_date():
    """Made again it is the same, word for word; `python docs/api_page.py` writes it."""
    name = ROOT / "docs" / "api_page.py"
    spec = importlib.util.spec_from_file_location("api_page", name)
    api_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(api_page)
    assert (ROOT / "docs" / "api.md").read_text() == api_page.page()
    listed = {path for path, _ in api_page.SECTIONS.values()}
    assert {f"unitarygraph{suffix}" for suffix in PUBLIC} <= listed


def test_version_is_declared_once():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == ug.__version__


def test_a_source_distribution_has_what_its_tests_read():
    """Every folder of the checkout is grafted, or the package itself; and the pages of the top level."""
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    grafted = {line.split()[1] for line in lines if line.startswith("graft ")}
    included = {name for line in lines if line.startswith("include ") for name in line.split()[1:]}
    folders = {"tests", "docs", "examples", "benchmarks", "models", ".ci"}
    assert {name for name in folders if (ROOT / name).is_dir()} == grafted
    pages = {path.name for path in ROOT.glob("*.md")} | {"mkdocs.yml"}
    # setuptools takes these by itself.
    assert pages <= included | {"README.md", "LICENSE"}
