"""A program compiled once that makes many runs."""

import dataclasses

import pytensor
import pytest
from rich.console import Console

from unitarygraph.training.display import Progress
from unitarygraph.training.loop import take_steps
from unitarygraph.training.options import resolve
from unitarygraph.training.program import Program
from unitarygraph.training.store import RunDirectory


class Trainee:
    """One compiled program that begins or takes up runs as a new process would."""

    def __init__(self, options):
        self.settings = resolve("copying", "tanh", 6, backend="python", assignments=options)
        with pytensor.config.change_flags(floatX="float32"):
            self.program = Program(self.settings)
            self.program.compile()
        self.first = self.program.values(), self.program.stream.state()

    def run(self, path, **changes):
        training = dataclasses.replace(self.settings.training, **changes)
        self.program.settings = dataclasses.replace(self.settings, training=training)
        files = RunDirectory(path)
        if not files.exists():
            files.begin(self.program.settings)
        self.program.restore(self.first[0])
        self.program.stream.restore(self.first[1])
        take_steps(self.program, files, Progress(Console(quiet=True), 1, None))
        return files


@pytest.fixture(scope="session")
def trainee_of():
    return Trainee
