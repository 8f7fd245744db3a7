"""Side-by-side timing: every contender runs in turn, so that the machine's noise hits all alike."""

import sys
import time

import numpy as np

from benchmarks.rows import Row

# A turn lasts about so long: short work is repeated within it.
TURN = 0.03
# What no contender beside "unitarygraph" may run.
OURS = ("unitarygraph", "pytensor")
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
    are the warm-up. Where one contender is "unitarygraph", the others are others (`require_peer`), but
    for parts of it that say so, "our value".
    """
    if "unitarygraph" in contenders:
        for name, run in contenders.items():
            if name != "unitarygraph" and not name.startswith("our "):
                require_peer(name, run)
    times = {name: [] for name in contenders}
    names = list(contenders)
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(1e3 * seconds_a_call(contenders[name]))
    medians = {name: float(np.median(t)) for name, t in times.items()}
    quartiles = {name: tuple(map(float, np.percentile(t, (25, 75)))) for name, t in times.items()}
    return Row(case, medians, quartiles, **facts)


def require_peer(name, run):
    """Call run once; AssertionError where it runs a line of `OURS`: the library timed twice."""
    found = set()

    def note(frame, event, argument):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        # Whoever imports a module asks our finder, which waits for PyTensor's backends.
        if event == "call" and package in OURS and frame.f_code.co_name != "find_spec":
            found.add(package)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    if found:
        raise AssertionError(f"{name}: a peer must be other code, this runs {', '.join(found)}")


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
