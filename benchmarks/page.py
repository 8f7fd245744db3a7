"""docs/benchmarks.md and its plots, made from the figures of ``python -m benchmarks all``."""

from importlib import import_module
from pathlib import Path

from benchmarks.rows import from_json, ratio_table, summary, table

HEAD = """# Benchmarks

Ours and the peers run in turn in one process, in rotated order, after a warm-up; a turn of short
work repeats it for 30 ms, and a rest of 100 ms before it lets the threads of the contender before
fall asleep. That all compute the same is checked before any time is taken. Figures are
medians (quartiles); only ratios within a table count. All contenders have the same threads,
and the process keeps the memory that they free, as `unitarygraph train` does.
Memory and compilation are measured in a process of their own for each figure.

```console
pip install -e ".[bench]"
{command}
python -m benchmarks page --json figures.json
```

Names: {names}. The second command makes this page and its plots from the first one's figures.

Measured on {processor}, {threads} threads, Python {python}: {versions}. GPUs were not
measured: none was at hand.

## All targets

{summary}
"""

FLOORS = ("bare products", "eigh + 5 complex products", "8 products")


def load(stored):
    """{benchmark: rows} of the JSON's content, without the machine."""
    parts = {k: v for k, v in stored.items() if k not in ("machine", "command")}
    return {name: [from_json(row) for row in rows] for name, rows in parts.items()}


def ratios_to(name):
    """The peer to which a benchmark's figures are shown as ratios, None where they are shown whole."""
    return getattr(import_module(f"benchmarks.{name}"), "RATIOS_TO", None)


def plot(name, rows, folder):
    """Plot every series of a benchmark, log-log, floors dashed; the images' names by axis."""
    from matplotlib.figure import Figure

    images = []
    for axis in dict.fromkeys(row.axis for row in rows if row.axis):
        there = [row for row in rows if row.axis == axis]
        groups = list(dict.fromkeys(row.series for row in there))
        figure = Figure(figsize=(4.2 * len(groups), 3.6), layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False)[0]
        for panel, series in zip(panels, groups, strict=True):
            curve = [row for row in there if row.series == series]
            for contender in dict.fromkeys(c for row in curve for c in row.medians):
                points = [
                    (row.at, row.medians[contender]) for row in curve if contender in row.medians
                ]
                style = "--" if contender in FLOORS else "-"
                panel.loglog(*zip(*points, strict=True), style, marker="o", label=contender)
            panel.set(title=series, xlabel=axis, ylabel="ms")
            panel.legend(fontsize=7)
        image = f"bench-{name.replace('_', '-')}-{axis}.png"
        figure.savefig(folder / image, dpi=110)
        images.append(image)
    return images


def plot_ratios(name, rows, peer, folder):
    """Plot the peer's time over ours, one panel a case, one curve a batch; the images' names."""
    from matplotlib.figure import Figure

    there = [row for row in rows if row.axis and row.ratio(peer) is not None]
    panels = list(dict.fromkeys(row.series.rpartition(", ")[0] for row in there))
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).flat
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    for panel, title in zip(axes, panels, strict=False):
        here = [row for row in there if row.series.rpartition(", ")[0] == title]
        for series in dict.fromkeys(row.series for row in here):
            points = [(row.at, row.ratio(peer)) for row in here if row.series == series]
            label = series.rpartition(", ")[2]
            panel.loglog(*zip(*points, strict=True), marker="o", markersize=3, label=label)
        panel.axhline(1, color="black", linewidth=0.8)
        panel.set(title=title, xlabel=here[0].axis, ylabel=f"{peer} / ours")
        panel.legend(fontsize=7)
    image = f"bench-{name.replace('_', '-')}-ratios.png"
    figure.savefig(folder / image, dpi=110)
    return [image]


def write(stored, docs):
    """Write ``benchmarks.md`` and ``images/bench-*.png`` under the folder ``docs``."""
    figures = load(stored)
    images = Path(docs) / "images"
    images.mkdir(parents=True, exist_ok=True)
    machine = stored["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    brief = [name for name in figures if ratios_to(name)]
    page = HEAD.format(
        command=stored["command"],
        names=", ".join(f"`{name}`" for name in figures),
        processor=machine["processor"],
        threads=machine["threads"],
        python=machine["python"],
        versions=versions,
        summary=summary(figures, brief),
    )
    for name, rows in figures.items():
        module = import_module(f"benchmarks.{name}")
        title = module.__doc__.splitlines()[0].rstrip(".")
        page += f"\n## {title}\n\n`python -m benchmarks {name}`\n\n"
        peer = ratios_to(name)
        if peer is None:
            page += f"{table(rows)}\n"
            made = plot(name, rows, images)
        else:
            page += f"{table([row for row in rows if not row.axis])}\n\n{ratio_table(rows, peer)}\n"
            made = plot_ratios(name, rows, peer, images)
        for image in made:
            page += f"\n![{title}](images/{image})\n"
    (Path(docs) / "benchmarks.md").write_text(page)
