"""Published experiments as settings: TOML files beside the models, one a paper.

Each preset tells the model, the task and their settings, what those rest on, the published figure and
whether that was checked against its source, and what differs in the protocol.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from unitarygraph import tasks
from unitarygraph.training.options import resolve
from unitarygraph.training.settings import Settings
from unitarygraph.training.store import Row


@dataclass(frozen=True)
class Preset:
    """One published experiment.

    `where` is its place in the paper; `published` its figure, a ``loss``, ``accuracy`` or ``mse`` as
    `metric` says, None where none was found; `checked` whether that was read in its source; `rests_on`
    what the settings were taken from; `differs` what is not as it was there.
    """

    name: str
    paper: str
    where: str
    task: str
    model: str
    hidden: int
    steps: int
    metric: str
    rests_on: str
    differs: str
    published: float | None = None
    checked: bool = False
    set: Mapping[str, Any] = field(default_factory=dict)

    def measured(self, row: Row) -> float | None:
        """Return the figure of a run's row: on the test set, or the evaluation set where that is all."""
        return row.get(f"eval_{self.metric}_test", row.get(f"eval_{self.metric}"))

    @property
    def needs_data(self) -> bool:
        """Whether the task reads files."""
        return "data" in tasks.options_of(self.task)

    def assignments(self, data: str | None = None) -> dict[str, Any]:
        """Return the options of a run, with the directory of the data.

        Raises ValueError where data is given to a task that reads none.
        """
        if data is not None and not self.needs_data:
            raise ValueError(f"--data: {self.name} draws its own sequences, got {data!r}")
        return dict(self.set) | ({} if data is None else {"task.data": data})

    def settings(self, data: str | None = None) -> Settings:
        """Return the complete settings; ValueError as :func:`~unitarygraph.training.options.resolve`."""
        options = self.assignments(data) | {"steps": self.steps}
        return resolve(self.task, self.model, self.hidden, assignments=options, said="")


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name, ``paper/experiment``, sorted."""
    found = {}
    for file in files("unitarygraph.models").joinpath("presets").iterdir():
        if file.name.endswith(".toml"):
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            paper = document.pop("paper")
            for experiment, fields in document.items():
                name = f"{file.name.removesuffix('.toml')}/{experiment}"
                found[name] = Preset(name=name, paper=paper, **fields)
    return dict(sorted(found.items()))


def preset(name: str) -> Preset:
    """Return the preset called `name`; ValueError with those there are."""
    if name not in presets():
        raise ValueError(f"preset: expected one of {', '.join(presets())}, got {name!r}")
    return presets()[name]
