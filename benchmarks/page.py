"""docs/benchmarks.md and its plots, made from the figures of ``python -m benchmarks all``."""

from importlib import import_module
from pathlib import Path

from benchmarks.rows import from_json, summary, table

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


def write(stored, docs):
    """Write ``benchmarks.md`` and ``images/bench-*.png`` under the folder ``docs``."""
    figures = load(stored)
    images = Path(docs) / "images"
    images.mkdir(parents=True, exist_ok=True)
    machine = stored["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    page = HEAD.format(
        command=stored["command"],
        names=", ".join(f"`{name}`" for name in figures),
        processor=machine["processor"],
        threads=machine["threads"],
        python=machine["python"],
        versions=versions,
        summary=summary(figures),
    )
    for name, rows in figures.items():
        title = import_module(f"benchmarks.{name}").__doc__.splitlines()[0].rstrip(".")
        page += f"\n## {title}\n\n`python -m benchmarks {name}`\n\n{table(rows)}\n"
        for image in plot(name, rows, images):
            page += f"\n![{title}](images/{image})\n"
    (Path(docs) / "benchmarks.md").write_text(page)
