"""Side-by-side timing: every contender runs in turn, so that the machine's noise hits all alike."""

import time

import numpy as np

from benchmarks.rows import Row

# A turn lasts about so long: short work is repeated within it.
TURN = 0.03
# Threads of the contender before wait in busy loops for as long, and would take the cores.
REST = 0.1


def seconds_a_call(run):
    """Seconds a call takes, over one turn, after a rest and a call that wakes its threads."""
    time.sleep(REST)
    start = time.perf_counter()
    run()
    calls = max(1, round(TURN / (time.perf_counter() - start)))
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def compare(case, contenders, repeats=9, **facts):
    """Row of callables timed in turn, ours first; ``facts`` are further fields of the row.

    That all compute the same is the caller's to check before (`require_agreement`), whose calls
    are the warm-up.
    """
    times = {name: [] for name in contenders}
    names = list(contenders)
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(1e3 * seconds_a_call(contenders[name]))
    medians = {name: float(np.median(t)) for name, t in times.items()}
    quartiles = {name: tuple(map(float, np.percentile(t, (25, 75)))) for name, t in times.items()}
    return Row(case, medians, quartiles, **facts)


def slope(sizes, times):
    """Exponent p of time ~ size^p, by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def require_agreement(case, ours, theirs, rtol):
    """Stop a benchmark whose contenders do not compute the same arrays."""
    for one, other in zip(ours, theirs, strict=True):
        error = np.linalg.norm(one - other) / np.linalg.norm(other)
        if not error <= rtol:
            raise AssertionError(
                f"{case}: contenders differ by {error:.1e} relative, allowed {rtol:.1e}"
            )
