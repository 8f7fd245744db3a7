"""Checkpoints: one safetensors file with every tensor, generator and counter of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unitarygraph.training.durable import write_atomically

FORMAT = "unitarygraph checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps: what is needed to go on bit for bit.

    `values` holds all shared variables by name (parameters, optimiser state, random
    generators of the graph), `stream` the state of the training data, `step` the steps made and
    `seconds` the time spent on them.
    """

    step: int
    seconds: float
    values: dict[str, np.ndarray | np.random.Generator]
    stream: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the checkpoint to `path` atomically."""
        tensors, generators = {}, {}
        for name, value in self.values.items():
            if isinstance(value, np.random.Generator):
                generators[name] = value.bit_generator.state
            else:
                tensors[name] = np.array(value, order="C")
        record = {
            "step": self.step,
            "seconds": self.seconds,
            "stream": self.stream,
            "generators": generators,
        }
        metadata = {"format": FORMAT, "state": json.dumps(record)}
        write_atomically(path, save(tensors, metadata=metadata))

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; ValueError where the file is not one."""
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable checkpoint ({error})") from error
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path}: format must be {FORMAT!r}, got {metadata.get('format')!r}")
        record = json.loads(metadata["state"])
        for name, state in record["generators"].items():
            values[name] = np.random.Generator(getattr(np.random, state["bit_generator"])())
            values[name].bit_generator.state = state
        return cls(record["step"], record["seconds"], values, record["stream"])
