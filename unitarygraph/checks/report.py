"""How a check's result is shown: a table of figures with a verdict, and the log-log plot."""

from typing import Any, ClassVar

import numpy as np


def table(title, columns, rows, verdicts):
    """Text of a title, the columns' names, the rows and the verdicts, a line each.

    ``columns``: {name: (width, format)}; ``verdicts``: (text, whether all is well) pairs.
    """
    lines = [title, "  ".join(f"{name:>{width}}" for name, (width, _) in columns.items()).rstrip()]
    for row in rows:
        cells = zip(row, columns.values(), strict=True)
        lines.append("  ".join(f"{value:>{width}{form}}" for value, (width, form) in cells))
    lines += [f"{text}: {verdict(passed)}" for text, passed in verdicts]
    return "\n".join(lines)


def verdict(passed):
    """The word for a check that passed, or did not."""
    return "passed" if passed else "FAILED"


def draw_loglog(target, steps, curves, order, title):
    """Draw named curves over the steps and a line of slope ``order``; returns the Axes.

    ``target``: a path to save to, matplotlib Axes to draw on, or True for a new figure.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot needs matplotlib: pip install matplotlib") from error
    if hasattr(target, "loglog"):
        axes = target
    elif target is True:
        from matplotlib import pyplot

        axes = pyplot.figure(figsize=(6, 4), layout="constrained").add_subplot()
    else:
        axes = Figure(figsize=(6, 4), layout="constrained").add_subplot()
    for name, values in curves.items():
        axes.loglog(steps, np.where(values > 0, values, np.nan), marker="o", ms=3, label=name)
    top = max((np.nanmax(values) for values in curves.values()), default=1.0)
    guide = (top if top > 0 else 1.0) * (steps / np.max(steps)) ** order
    axes.loglog(steps, guide, color="0.6", ls="--", lw=1, label=f"slope {order}")
    axes.set(xlabel="step", ylabel="error", title=title)
    axes.legend()
    if axes is not target and target is not True:
        axes.figure.savefig(target, dpi=150)
    return axes


class DirectionsCheck:
    """What results of checks along random tangents share; errors are (directions, steps)."""

    #: slope of the errors over the steps, both logarithmic
    order: ClassVar[int]
    parameter: str
    steps: np.ndarray
    errors: np.ndarray

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        return self.passed

    def plot(self, target: Any = True) -> Any:
        """Error against step, both logarithmic, until rounding takes over.

        ``target``: a path, matplotlib Axes, or True for a new figure. Returns the Axes.
        """
        curves = {f"direction {i + 1}": errors for i, errors in enumerate(self.errors)}
        return draw_loglog(target, self.steps, curves, order=self.order, title=self.parameter)
