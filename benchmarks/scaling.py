"""Cost against T and against n, ours beside the bare products."""

from dataclasses import replace

import numpy as np

import unitarygraph as ug
from benchmarks import floors, ours, samples
from benchmarks.rows import Target
from benchmarks.timing import compare, slope

STEPS = (125, 250, 500, 1000, 2000)
SIZES = (64, 128, 256, 512, 1024)
LARGE = 256
LINEAR, CUBIC = 1.1, 3.1


def recurrence(T, n, B):
    """Ours and the bare products of a complex recurrence."""
    arrays = samples.recurrence(np.random.default_rng(0), T, n, B, "complex64")
    return {
        "unitarygraph": ours.recurrence(*arrays),
        "bare products": floors.recurrence(arrays[0], arrays[1]),
    }


def exponential(n, skew):
    """Ours and the floor of exp with gradient, complex64."""
    rng = np.random.default_rng(0)
    a = (samples.skew_hermitian if skew else samples.general)(rng, n, "complex64")
    g = samples.normal(rng, (n, n), "complex64")
    run = ours.value_and_gradient(lambda A: ug.expm(A, skew_hermitian=skew, field="complex"), a, g)
    if skew:
        return {
            "unitarygraph": run,
            "eigh + 5 complex products": floors.eigenvectors_and_products(a),
        }
    return {"unitarygraph": run, "8 products": floors.products(8, n, "complex64")}


# series -> axis, sizes, contenders at a size, largest slope, from which size on
CURVES = {
    "recurrence, n=190, B=64": ("T", STEPS, lambda T: recurrence(T, 190, 64), LINEAR, 125),
    "recurrence, T=64, B=64": ("n", SIZES, lambda n: recurrence(64, n, 64), CUBIC, LARGE),
    "expm, skew-Hermitian": ("n", SIZES, lambda n: exponential(n, True), CUBIC, LARGE),
    "expm, general": ("n", SIZES, lambda n: exponential(n, False), CUBIC, LARGE),
}


def run(quick=False):
    """Rows of all curves; the last of each carries the fitted exponent."""
    rows = []
    for series, (axis, sizes, contenders, limit, start) in CURVES.items():
        curve = []
        for at in sizes[:2] if quick else sizes:
            found = contenders(at)
            for call in found.values():
                call()
            repeats = 1 if quick else 3
            curve.append(
                compare(f"{series}, {axis}={at}", found, repeats, series=series, axis=axis, at=at)
            )
        if not quick:
            points = [(r.at, r.medians["unitarygraph"]) for r in curve if r.at >= start]
            text = f"exponent of {axis} from {axis}={start} on at most {limit}"
            target = Target(text, slope(*zip(*points, strict=True)), limit, at_most=True)
            curve[-1] = replace(curve[-1], targets=(target,))
        rows += curve
    return rows
