"""Structured products in each step against W made once, all steps in one Op: what all steps cost."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from benchmarks.timing import compare, require_agreement
from unitarygraph.nn import RecurrentCell
from unitarygraph.parametrizations import FourierReflection, Givens

STEPS, BATCH = 20, 128
SIZES = (16, 64, 128, 256, 512, 1024, 2048)
FORMS = {
    "FourierReflection": lambda n: FourierReflection(n, dtype="float32", rng=0),
    "Givens, 2 layers": lambda n: Givens(n, capacity=2, dtype="float32", rng=0),
    "Givens, FFT": lambda n: Givens(n, style="fft", dtype="float32", rng=0),
    "Givens, n / 4 layers": lambda n: Givens(n, capacity=n // 4, dtype="float32", rng=0),
    "Givens, n layers": lambda n: Givens(n, capacity=n, dtype="float32", rng=0),
}
DENSE, STRUCTURED = "W once", "factors in each step"


def training_step(parametrization, structured):
    """Gradients of a cell's parameters, float32, complex modReLU, as a callable."""
    x = pt.tensor("x", dtype="float32", shape=(STEPS, BATCH, 1))
    cell = RecurrentCell(parametrization, 1, structured=structured, rng=2)
    states = cell(x)
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((BATCH, parametrization.n)).astype("float32")
    loss = (states[-1] * weights).sum()
    f = pytensor.function([x], pytensor.grad(loss, cell.params), mode="KERNELS")
    value = rng.standard_normal(x.type.shape).astype("float32")
    return lambda: f(value)


def contenders(form, n):
    """Both ways through all steps, agreement checked."""
    found = {
        name: training_step(FORMS[form](n), structured)
        for name, structured in ((STRUCTURED, True), (DENSE, False))
    }
    require_agreement(f"{form}, n={n}", *(f() for f in found.values()), rtol=1e-3)
    return found


def run(quick=False):
    """Rows of all forms and sizes; of layers that grow with n the four smallest."""
    rows = []
    for form in FORMS:
        for n in SIZES[:1] if quick else SIZES[: 4 if form.startswith("Givens, n ") else None]:
            case = f"{form}, n={n}"
            repeats = 1 if quick else 3
            rows.append(compare(case, contenders(form, n), repeats, series=form, axis="n", at=n))
    return rows
