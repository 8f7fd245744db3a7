"""Every update rule and minimizer on three objectives over unitary matrices, in double."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pytensor
import pytensor.tensor as pt

import unitarygraph as ug
from benchmarks import samples
from benchmarks.machine import have
from benchmarks.rows import Row, Target
from benchmarks.timing import compare, slope
from unitarygraph import updates
from unitarygraph.manifolds import Stiefel, Unitary
from unitarygraph.updates import schedules

N, COLUMNS, STEPS, DRIFT_STEPS = 64, 4, 1000, 10_000
GAP, DRIFT = 1e-10, 1e-12
#: largest exponent of n of a step that costs n^2, memory and all
SQUARE_LAW = 2.3
#: orders of magnitude by which the rate of a rule with steps of constant length falls in a run
FALL = 8


@dataclass(frozen=True)
class Problem:
    """An objective over one parameter; the Hessian's largest eigenvalue at the optimum is about 1.

    ``gap`` tells how far a loss is above the optimum, relative to the optimum, or where that is zero
    to the loss at the start.
    """

    manifold: Unitary | Stiefel
    start: np.ndarray
    loss: object
    optimum: float
    scale: float
    #: loss and Euclidean gradient of plain matrices, for peers without our graphs
    plain: object = None

    def gap(self, loss):
        """Relative distance of a loss from the optimum."""
        return (loss - self.optimum) / self.scale


def procrustes(field="complex"):
    """||A X - B||^2 / 2, with a residual at the optimum: B's polar factor against A solves it."""
    rng, dtype = np.random.default_rng(0), "complex128" if field == "complex" else "float64"
    a = np.eye(N) + 0.3 * samples.general(rng, N, dtype)
    a /= np.linalg.norm(a, 2)
    b = a @ samples.unitary(rng, N, dtype) + 0.02 * samples.general(rng, N, dtype)
    w, _, vh = np.linalg.svd(a.conj().T @ b)
    optimum = np.linalg.norm(a @ w @ vh - b) ** 2 / 2
    manifold, matrices = Unitary(field), Unitary(field).matrices
    A, B = (pt.constant(manifold.store(x, "float64")) for x in (a, b))

    def loss(X):
        residual = matrices.matmul(A, X) - B
        return (residual * residual).sum() / 2

    def plain(x):
        residual = a @ x - b
        return np.linalg.norm(residual) ** 2 / 2, a.conj().T @ residual

    # A component where the optimum is: O(n) has two, and no rule steps from one to the other.
    start = w @ vh @ near_identity(rng, dtype)
    return Problem(manifold, manifold.store(start, "float64"), loss, optimum, optimum, plain)


def near_identity(rng, dtype):
    """A rotation by angles up to about 2."""
    from scipy.linalg import expm

    return expm(1.5 * samples.skew_hermitian(rng, N, dtype))


def brockett():
    """Re tr(X^H A X N) on Stiefel: the smallest eigenvalues of A against the largest of N."""
    rng, manifold = np.random.default_rng(1), Stiefel()
    weights = np.arange(COLUMNS, 0, -1) / COLUMNS
    eigenvalues = np.r_[np.arange(COLUMNS) * 0.2, np.linspace(0.8, 1.0, N - COLUMNS)]
    q = samples.unitary(rng, N, "complex128")
    a = manifold.store((q * eigenvalues) @ q.conj().T, "float64")

    def loss(X):
        product = manifold.matrices.matmul(pt.constant(a), X)
        return (X * product * weights).sum() / 2

    optimum = eigenvalues[:COLUMNS] @ weights / 2
    return Problem(
        manifold, manifold.random_point((N, COLUMNS), 2, "float64"), loss, optimum, optimum
    )


def pairs():
    """Mean ||x X - y||^2 / 2 over 4n pairs y = x Q: learning a random unitary matrix."""
    rng, manifold = np.random.default_rng(3), Unitary()
    x = samples.normal(rng, (4 * N, N), "complex128") / np.sqrt(18 * N)
    y = x @ samples.unitary(rng, N, "complex128")
    X_, Y = (pt.constant(manifold.store(z, "float64")) for z in (x, y))

    def loss(X):
        residual = manifold.matrices.matmul(X_, X) - Y
        return (residual * residual).sum() / 2

    start = manifold.random_point(N, 4, "float64")
    scale = np.linalg.norm(x @ manifold.load(start) - y) ** 2 / 2
    return Problem(manifold, start, loss, 0.0, scale)


PROBLEMS = {"procrustes": procrustes, "brockett": brockett, "pairs": pairs}


def falling(step, rate):
    """From ``rate`` down by `FALL` orders of magnitude."""
    return rate * 10.0 ** (-FALL * step.astype("float64") / STEPS)


def steady(step, rate):
    """The rate itself."""
    return rate


# Rule, rate, how it goes on, options. Second moments forget as fast as the gradients fall.
RULES = {
    "sgd, qr": (updates.sgd, 1.0, steady, {"retraction": "qr"}),
    "sgd, polar": (updates.sgd, 1.0, steady, {"retraction": "polar"}),
    "sgd, cayley": (updates.sgd, 1.0, steady, {"retraction": "cayley"}),
    "sgd, exp": (updates.sgd, 1.0, steady, {"retraction": "exp"}),
    "momentum": (updates.momentum, 0.3, steady, {"momentum": 0.8}),
    "nesterov_momentum": (updates.nesterov_momentum, 0.5, steady, {"momentum": 0.8}),
    "adagrad": (updates.adagrad, 0.1, steady, {}),
    "adadelta": (updates.adadelta, 1.0, steady, {}),
    "rmsprop": (updates.rmsprop, 0.05, falling, {"rho": 0.9}),
    "adam": (updates.adam, 0.05, falling, {"beta2": 0.95}),
    "amsgrad": (updates.amsgrad, 0.5, steady, {}),
    "adamw": (updates.adamw, 0.05, falling, {"beta2": 0.95}),
    "adamax": (updates.adamax, 0.05, falling, {"beta2": 0.95}),
    "lion": (updates.lion, 0.05, falling, {}),
    "natural_gradient": (updates.natural_gradient, 1.0, steady, {}),
    "natural_gradient, rms": (updates.natural_gradient, 0.05, falling, {"rms": True}),
    "projunn D, k=8": (updates.projunn, 1.0, steady, {"kind": "D", "rank": 8}),
    "projunn T, k=8": (updates.projunn, 1.0, steady, {"kind": "T", "rank": 8}),
    "landing": (updates.landing, 1.0, steady, {}),
    "stiefel_muon": (updates.stiefel_muon, 0.3, falling, {}),
}
#: rules that are not on the manifold between steps, or take a gradient of lower rank than it has
OFF = ("landing",)
#: rules for square matrices only
SQUARE = ("natural_gradient", "natural_gradient, rms", "projunn D, k=8", "projunn T, k=8")
METHODS = ("conjugate_gradient", "lbfgs", "trust_regions")


def run_rule(problem, rule, rate, schedule, options, steps):
    """(gap, deviation, ms a step) after so many steps from the start."""
    W = ug.parameter(problem.start.copy(), problem.manifold, name="W")
    loss = problem.loss(W)
    step, count = schedules.step_counter()
    made = rule(loss, [W], schedule(step, rate), **options) | count
    f = pytensor.function([], loss, updates=made)
    f()
    start = time.perf_counter()
    for _ in range(steps - 1):
        f()
    seconds = time.perf_counter() - start
    deviation = float(problem.manifold.deviation(W.get_value()))
    end = float(pytensor.function([], loss, mode="FAST_COMPILE")())
    return problem.gap(end), deviation, 1e3 * seconds / max(steps - 1, 1)


def run_method(problem, method, steps):
    """(gap, deviation, ms an iteration) of a full-batch minimizer."""
    W = ug.parameter(problem.start.copy(), problem.manifold, name="W")
    marks = []
    found = ug.minimize(
        problem.loss(W),
        [W],
        method,
        tol=1e-9 * problem.scale,
        max_iterations=steps,
        callback=lambda result: marks.append(time.perf_counter()),
    )
    each = 1e3 * float(np.mean(np.diff(marks))) if len(marks) > 1 else float("nan")
    return problem.gap(float(found.fun)), float(problem.manifold.deviation(W.get_value())), each


def peers(problem, steps):
    """{peer: (gap, deviation, ms a step)} on the real Procrustes problem."""
    found = {}
    if have("torch") and have("geoopt"):
        found |= geoopt_rules(problem, steps)
    if have("pymanopt"):
        found |= pymanopt_methods(problem, steps)
    return found


def geoopt_rules(problem, steps):
    """RiemannianSGD and RiemannianAdam."""
    import geoopt
    import torch

    made, sgd, adam = {}, geoopt.optim.RiemannianSGD, geoopt.optim.RiemannianAdam
    for name, optimizer, rate, options in (
        ("geoopt RiemannianSGD", sgd, 1.0, {}),
        # Its second moment is |g|^2 where ours is a mean: n times the rate is about the same step.
        ("geoopt RiemannianAdam", adam, 0.05 * N, {"betas": (0.9, 0.95)}),
    ):
        x = geoopt.ManifoldParameter(
            torch.tensor(problem.start), manifold=geoopt.EuclideanStiefel()
        )
        rule = optimizer([x], lr=rate, **options)
        start = time.perf_counter()
        for step in range(steps):
            if "Adam" in name:
                rule.param_groups[0]["lr"] = rate * 10 ** (-FALL * step / STEPS)
            rule.zero_grad()
            x.grad = torch.from_numpy(problem.plain(x.detach().numpy())[1])
            rule.step()
        each = 1e3 * (time.perf_counter() - start) / steps
        value = x.detach().numpy()
        made[name] = problem.gap(problem.plain(value)[0]), problem.manifold.deviation(value), each
    return made


def pymanopt_methods(problem, steps):
    """Conjugate gradients and trust regions; the Hessian of this quadratic is A^H A."""
    import pymanopt

    manifold = pymanopt.manifolds.Stiefel(N, N)

    @pymanopt.function.numpy(manifold)
    def cost(x):
        return problem.plain(x)[0]

    @pymanopt.function.numpy(manifold)
    def gradient(x):
        return problem.plain(x)[1]

    @pymanopt.function.numpy(manifold)
    def hessian(x, u):
        return problem.plain(x + u)[1] - problem.plain(x)[1]

    task = pymanopt.Problem(manifold, cost, euclidean_gradient=gradient, euclidean_hessian=hessian)
    made = {}
    for name in ("ConjugateGradient", "TrustRegions"):
        solver = getattr(pymanopt.optimizers, name)(
            max_iterations=steps, min_gradient_norm=1e-9 * problem.scale, verbosity=0, max_time=300
        )
        start = time.perf_counter()
        found = solver.run(task, initial_point=problem.start)
        each = 1e3 * (time.perf_counter() - start) / max(found.iterations, 1)
        deviation = problem.manifold.deviation(found.point)
        made[f"pymanopt {name}"] = problem.gap(found.cost), deviation, each
    return made


def row_of(case, measured, target):
    """Row of one run."""
    gap, deviation, each = measured
    figures = {"gap": float(gap), "deviation": float(deviation), "ms a step": float(each)}
    limit = Target(f"gap at most {GAP:g}", float(gap), GAP, at_most=True)
    return Row(case, figures, targets=(limit,) if target else (), unit="")


def drift(steps):
    """Rows of the deviation after many steps of sgd, by retraction."""
    problem = procrustes()
    rows = []
    for kind in ("qr", "polar", "cayley", "exp"):
        _, deviation, each = run_rule(
            problem, updates.sgd, 1e-3, steady, {"retraction": kind}, steps
        )
        limit = Target(f"deviation at most {DRIFT:g}", deviation, DRIFT, at_most=True)
        figures = {"deviation": deviation, "ms a step": each}
        rows.append(Row(f"drift, {kind}, {steps} steps", figures, targets=(limit,), unit=""))
    return rows


def stepping(rule, n, options):
    """Callable of a step on a linear objective, whose own gradient costs n^2."""
    manifold = Unitary()
    W = ug.parameter(manifold.random_point(n, 0, "float32"), manifold, name="W")
    gradient = pt.constant(manifold.random_point(n, 1, "float32"))
    return pytensor.function([], updates=rule((W * gradient).sum(), [W], 1e-3, **options))


def costs(quick):
    """Rows of the time a step takes against n: projUNN's grows as n^2."""
    rows = []
    for n in (64, 128) if quick else (128, 256, 512, 1024):
        found = {
            "projunn D, k=1": stepping(updates.projunn, n, {"kind": "D", "rank": 1}),
            "projunn T, k=4": stepping(updates.projunn, n, {"kind": "T", "rank": 4}),
            "sgd, qr": stepping(updates.sgd, n, {"retraction": "qr"}),
        }
        for call in found.values():
            call()
        case, series = f"a step, n={n}, complex64", "a step, complex64"
        rows.append(compare(case, found, 1 if quick else 5, series=series, axis="n", at=n))
    if not quick:
        large = [(row.at, row.medians["projunn D, k=1"]) for row in rows[1:]]
        text = f"exponent of n from n={large[0][0]} on at most {SQUARE_LAW}"
        target = Target(text, slope(*zip(*large, strict=True)), SQUARE_LAW, at_most=True)
        rows[-1] = replace(rows[-1], targets=(target,))
    return rows


def run(quick=False):
    """Rows of all rules on all objectives, of the peers, of the drift, and of a step's cost."""
    steps, rows = (3, []) if quick else (STEPS, [])
    for name, make in PROBLEMS.items():
        problem = make()
        for rule, given in RULES.items():
            if rule in SQUARE and not isinstance(problem.manifold, Unitary):
                continue
            measured = run_rule(problem, *given, steps)
            aims = name == "procrustes" and rule not in OFF
            rows.append(row_of(f"{name}, {rule}", measured, aims))
            print(rows[-1].case, measured, flush=True)
            if quick:
                break
        for method in METHODS[: 1 if quick else None]:
            measured = run_method(problem, method, steps)
            rows.append(row_of(f"{name}, {method}", measured, name == "procrustes"))
            print(rows[-1].case, measured, flush=True)
    real = procrustes("real")
    for rule in ("sgd, qr", "adam"):
        rows.append(row_of(f"real procrustes, {rule}", run_rule(real, *RULES[rule], steps), True))
    for method in METHODS[::2]:
        rows.append(row_of(f"real procrustes, {method}", run_method(real, method, steps), True))
    for peer, measured in peers(real, steps).items():
        rows.append(row_of(f"real procrustes, {peer}", measured, False))
    return rows + drift(30 if quick else DRIFT_STEPS) + costs(quick)
