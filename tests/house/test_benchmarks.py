"""The benchmark suite's own logic; no peer is needed and nothing is timed at length."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import unitarygraph as ug
from benchmarks.__main__ import BENCHMARKS
from benchmarks.page import load, write
from benchmarks.rows import Row, Target, as_json, faster, from_json, summary, table, within
from benchmarks.timing import compare, require_agreement, slope

ROOT = Path(__file__).parents[2]


def row(case="n=4", at=4, targets=()):
    medians = {"unitarygraph": 2.0, "torch": 8.0, "bare products": 1.0}
    quartiles = {name: (0.9 * t, 1.1 * t) for name, t in medians.items()}
    return Row(case, medians, quartiles, targets, series="complex64", axis="n", at=at)


def test_targets_from_below_and_above():
    assert faster(row(), "torch", 4).mark == "met"
    assert faster(row(), "torch", 4.1).mark == "NO"
    assert within(row(), "bare products", 2).mark == "met"
    assert within(row(), "bare products", 1.9).mark == "NO"
    assert faster(row(), "absent").mark == within(row(), "absent", 1).mark == "not measured"


def test_rows_survive_json():
    before = row(targets=(Target("at least 4x", 4.5, 4),))
    after = from_json(json.loads(json.dumps(as_json(before))))
    assert after.targets == before.targets
    assert table([after]) == table([before])


def test_summary_counts_every_target():
    targets = (Target("a", 2, 1), Target("b", 2, 1, True), Target("c", None, 1))
    text = summary({"expm_skew": [row(targets=targets)]})
    assert "3 targets: 1 met, 1 NO, 1 not measured." in text


def test_contenders_are_timed_alike():
    calls = []
    made = compare("two", {name: lambda n=name: calls.append(n) for name in "ab"}, repeats=2)
    assert set(made.medians) == {"a", "b"}
    assert all(low <= made.medians[name] <= high for name, (low, high) in made.quartiles.items())
    first = [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]
    assert first == ["a", "b", "a"]  # the second round begins with b


def test_slope_is_the_exponent():
    n = np.array([2.0, 4, 8])
    assert slope(n, 5 * n**3) == pytest.approx(3)


def test_disagreement_stops():
    require_agreement("same", [np.ones(3)], [np.ones(3)], 1e-6)
    with pytest.raises(AssertionError, match="differ by"):
        require_agreement("other", [np.ones(3)], [np.zeros(3) + 1.1], 1e-6)
    with pytest.raises(AssertionError, match="differ by nan"):
        require_agreement("nan", [np.full(3, np.nan)], [np.ones(3)], 1e-6)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_one_documented_module(name):
    source = (ROOT / "benchmarks" / f"{name}.py").read_text()
    assert re.match(r'"""\S.*\."""\n', source)
    assert "\ndef run(quick=False):" in source
    assert callable(import_module(f"benchmarks.{name}").run)


def test_page_is_made_of_the_figures(tmp_path):
    targets = (Target("at least 4x faster than torch", 4.0, 4),)
    rows = [row(f"n={n}", n, targets) for n in (4, 8)]
    stored = {
        "machine": {"processor": "P", "threads": 2, "python": "3", "versions": {"torch": "2"}},
        "command": "python -m benchmarks all --json figures.json",
        "expm_skew": [as_json(r) for r in rows],
    }
    write(json.loads(json.dumps(stored)), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    for text in ("Measured on P, 2 threads", "GPU", "2 targets: 2 met", stored["command"]):
        assert text in page
    images = re.findall(r"\]\((images/.*?)\)", page)
    assert images == ["images/bench-expm-skew-n.png"]
    assert (tmp_path / images[0]).stat().st_size > 1000
    assert set(load(stored)) == {"expm_skew"}


def test_ratios_of_many_sizes_stand_in_a_table_and_a_plot(tmp_path):
    def small(name, batch, n, ours, theirs):
        series = f"{name}, complex128, batch {batch}"
        medians = {"unitarygraph": ours, "torch": theirs}
        return Row(f"{series}, n={n}", medians, series=series, axis="n", at=n)

    alone = Row("qr, one of 100 in a graph", {"unitarygraph": 3.5}, unit="us")
    rows = [small("qr", 1, 2, 1, 3), small("qr", 1, 4, 2, 3), small("qr", 100, 2, 4, 3)]
    rows = [replace(r, targets=(faster(r, "torch", 2),)) for r in rows[:2]] + rows[2:]
    rows += [small(f"op{i}", 1, 2, 1, 1) for i in range(4)]
    stored = {
        "machine": {"processor": "P", "threads": 2, "python": "3", "versions": {"torch": "2"}},
        "command": "python -m benchmarks all --json figures.json",
        "small": [as_json(r) for r in (alone, *rows)],
    }
    write(json.loads(json.dumps(stored)), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    for line in (
        "| case | n | batch 1 | batch 100 |",
        "| qr, complex128 | 2 | 3.00 | 0.75 |",
        "| qr, complex128 | 4 | 1.50 |  |",
        "| qr, one of 100 in a graph | us | 3.50 |  |  |",
    ):
        assert line in page
    assert "2 targets: 1 met, 1 NO" in page
    assert page.count("at least 2x faster than torch") == 1
    assert "(images/bench-small-ratios.png)" in page
    assert (tmp_path / "images" / "bench-small-ratios.png").stat().st_size > 1000


def test_help_lists_every_benchmark():
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert all(name in done.stdout for name in (*BENCHMARKS, "all", "page"))


def test_the_page_names_every_benchmark():
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert all(name in page for name in BENCHMARKS)


def test_a_peer_that_is_ourselves_is_found():
    """`benchmarks.compile` once patched a name that nothing read, and timed the library twice."""
    import pytensor

    import unitarygraph as ug
    from benchmarks import ours
    from unitarygraph.ops.recurrence.scan import recurrence_scan

    inputs = [pytensor.tensor.tensor(dtype="float64", shape=(None,) * k) for k in (3, 2, 2, 1)]
    made = {
        unroll: pytensor.function(inputs, unroll(*inputs), mode="FAST_COMPILE")
        for unroll in (ug.recurrence, recurrence_scan)
    }
    for unroll, f in made.items():
        ours.require_unrolling(f, unroll)
    with pytest.raises(AssertionError, match="must hold Scan and no Recurrence, got Recurrence"):
        ours.require_unrolling(made[ug.recurrence], recurrence_scan)
    with pytest.raises(AssertionError, match="must hold Recurrence and no Scan, got Scan"):
        ours.require_unrolling(made[recurrence_scan], ug.recurrence)


def test_a_contender_that_is_ourselves_is_found(rng):
    """Under whatever name: a compiled function of ours, or a function of NumPy arrays."""
    from benchmarks import floors, ours
    from unitarygraph.core.lapack import thin_svd

    z = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    mine = ours.value_and_gradient(lambda A: ug.cayley(A, field="complex"), z, z)
    theirs = {"torch": mine, "bare products": lambda: thin_svd(z)}
    for name, run in theirs.items():
        with pytest.raises(AssertionError, match=f"{name}: a peer must be other code"):
            compare("planted", {"unitarygraph": mine, name: run}, repeats=1)
    honest = {"numpy": lambda: z @ z, "8 products": floors.products(8, 3, "complex128")}
    made = compare("honest", {"unitarygraph": mine, **honest}, repeats=1)
    assert set(made.medians) == {"unitarygraph", *honest}


@pytest.mark.parametrize("name", ["recurrence", "recurrence_scan"])
def test_a_step_of_the_benchmark_unrolls_as_told(name, monkeypatch):
    import pytensor

    import unitarygraph as ug
    from benchmarks import ours
    from unitarygraph.ops.recurrence.scan import recurrence_scan

    monkeypatch.setattr(pytensor.config, "floatX", "float32")
    unroll = {"recurrence": ug.recurrence, "recurrence_scan": recurrence_scan}[name]
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        ours.copying_step("real", 2, 4, 2, unroll)
