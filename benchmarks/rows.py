"""Rows of figures, their targets, and the tables made of both."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Target:
    """A measured value against its limit: ``value >= limit``, or ``<=`` with ``at_most``.

    ``value`` is None where the peer is not installed.
    """

    text: str
    value: float | None
    limit: float
    at_most: bool = False

    @property
    def mark(self):
        """``met``, ``NO`` or ``not measured``."""
        if self.value is None:
            return "not measured"
        met = self.value <= self.limit if self.at_most else self.value >= self.limit
        return "met" if met else "NO"

    def __str__(self):
        value = "" if self.value is None else f" ({number(self.value)})"
        return f"{self.text}{value}: {self.mark}"


@dataclass(frozen=True)
class Row:
    """One comparison: medians and quartiles of each contender, ours first, and the targets.

    Without a ``unit`` the figures are of several kinds, and no ratios are made of them.
    ``at`` is the size on a plot's ``axis`` ("n" or "T") and ``series`` the curve it belongs to.
    """

    case: str
    medians: dict[str, float]
    quartiles: dict[str, tuple[float, float]] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    unit: str = "ms"
    series: str = ""
    axis: str = ""
    at: float = 0

    def ratio(self, peer):
        """The peer's median over ours, None where the peer was left out."""
        ours = next(iter(self.medians.values()))
        return self.medians[peer] / ours if peer in self.medians else None

    def cell(self, name):
        """Median (quartiles) of a contender, in words."""
        if name not in self.medians:
            return ""
        low, high = self.quartiles.get(name, (None, None))
        spread = "" if low is None else f" ({number(low)}-{number(high)})"
        return f"{number(self.medians[name])}{spread}"


def number(value):
    """A figure in words: two decimals, or digits and a power of ten for a small one."""
    return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1e}"


def faster(row, peer, limit=1.0):
    """Target: ours at least ``limit`` times faster than ``peer``."""
    return Target(f"at least {limit:g}x faster than {peer}", row.ratio(peer), limit)


def within(row, floor, limit):
    """Target: ours at most ``limit`` times the figure of ``floor``."""
    ratio = row.ratio(floor)
    value = None if ratio is None else 1 / ratio
    return Target(f"at most {limit:g}x {floor}", value, limit, at_most=True)


def as_json(row):
    """Row as plain dictionaries and lists."""
    return asdict(row)


def from_json(stored):
    """Row of what `as_json` gave, after a way through a file."""
    targets = tuple(Target(**target) for target in stored["targets"])
    return Row(**{**stored, "targets": targets})


def markdown(header, lines):
    """A Markdown table."""
    cells = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def table(rows):
    """Table of rows: all contenders, our ratio to each, and the targets."""
    names = list(dict.fromkeys(name for row in rows for name in row.medians))
    lines = []
    for row in rows:
        others = list(row.medians)[1:] if row.unit else []
        ratios = [f"{row.ratio(n):.2f}x {n}" for n in others]
        targets = "; ".join(map(str, row.targets))
        cells = [row.cell(name) for name in names]
        lines.append([row.case, row.unit, *cells, ", ".join(ratios), targets])
    return markdown(["case", "unit", *names, "peer / ours", "targets"], lines)


def ratio_table(rows, peer):
    """Table of the peer's median over ours: a line for each case and size, a column for each batch."""
    there = [row for row in rows if row.axis]
    batches = list(dict.fromkeys(row.series.rpartition(", ")[2] for row in there))
    found = {(*row.series.rpartition(", ")[::2], row.at): row.ratio(peer) for row in there}
    lines = []
    for case, at in dict.fromkeys((row.series.rpartition(", ")[0], row.at) for row in there):
        ratios = [found.get((case, batch, at)) for batch in batches]
        lines.append([case, f"{at:g}", *("" if r is None else f"{r:.2f}" for r in ratios)])
    axis = there[0].axis if there else ""
    return f"{peer} / ours:\n\n" + markdown(["case", axis, *batches], lines)


def summary(figures, brief=()):
    """Table of all targets of ``{benchmark: rows}``, counts below; of the ``brief`` those not met."""
    marked = [
        (name, row.case, target)
        for name, rows in figures.items()
        for row in rows
        for target in row.targets
    ]
    lines = [
        [name, case, t.text, "" if t.value is None else number(t.value), t.mark]
        for name, case, t in marked
        if not (name in brief and t.mark == "met")
    ]
    marks = [target.mark for _, _, target in marked]
    counts = ", ".join(f"{marks.count(m)} {m}" for m in ("met", "NO", "not measured"))
    head = ["benchmark", "case", "target", "measured", "mark"]
    return f"{markdown(head, lines)}\n\n{len(marks)} targets: {counts}."
