"""Side-by-side timing: every contender runs in turn, so that the machine's noise hits all alike."""

import os
import platform
import time
from dataclasses import dataclass

import numpy as np

# A turn lasts about so long: short work is repeated within it.
TURN = 0.03


@dataclass(frozen=True)
class Row:
    """One comparison: medians in milliseconds, spread (quartiles), and ours against each peer."""

    case: str
    milliseconds: dict[str, float]
    quartiles: dict[str, tuple[float, float]]
    target: str = ""
    met: bool | None = None

    def ratio(self, peer):
        """How many times faster the first contender is than a peer, by medians."""
        ours = next(iter(self.milliseconds))
        return self.milliseconds[peer] / self.milliseconds[ours]


def seconds_a_call(run):
    """Seconds a call takes, over one turn.

    A call goes before it: threads of the contender before still spin, and its own are asleep.
    """
    start = time.perf_counter()
    run()
    calls = max(1, round(TURN / (time.perf_counter() - start)))
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def compare(case, contenders, repeats=9, target=None, peer=None, warm_up=2):
    """Time callables in turn; ``target`` is how many times faster than ``peer`` ours shall be.

    The first contender is ours. That all compute the same is the caller's to check before
    (`require_agreement`).
    """
    for _ in range(warm_up):
        for run in contenders.values():
            run()
    times = {name: [] for name in contenders}
    names = list(contenders)
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(1e3 * seconds_a_call(contenders[name]))
    row = Row(
        case,
        {name: float(np.median(t)) for name, t in times.items()},
        {name: tuple(np.percentile(t, (25, 75))) for name, t in times.items()},
    )
    if target is None:
        return row
    met = row.ratio(peer) >= target
    return Row(row.case, row.milliseconds, row.quartiles, f"{target}x faster than {peer}", met)


def require_agreement(case, ours, theirs, rtol):
    """Stop a benchmark whose contenders do not compute the same."""
    scale = np.linalg.norm(theirs)
    error = np.linalg.norm(ours - theirs) / scale
    if not error <= rtol:
        raise AssertionError(
            f"{case}: contenders differ by {error:.1e} relative, allowed {rtol:.1e}"
        )


def machine():
    """The machine, in words."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def print_rows(title, rows):
    """Print a table of rows as Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row.milliseconds))
    print(f"\n### {title}\n\n{machine()}\n")
    print("| case | " + " | ".join(f"{n}, ms" for n in names) + " | ratio | target | met |")
    print("|---" * (len(names) + 4) + "|")
    for row in rows:
        cells = [
            f"{row.milliseconds[n]:.2f} ({row.quartiles[n][0]:.2f}-{row.quartiles[n][1]:.2f})"
            if n in row.milliseconds
            else ""
            for n in names
        ]
        ratios = ", ".join(f"{row.ratio(n):.1f}x {n}" for n in names[1:] if n in row.milliseconds)
        met = "" if row.met is None else ("yes" if row.met else "NO")
        print(f"| {row.case} | " + " | ".join(cells) + f" | {ratios} | {row.target} | {met} |")
