"""The files of a run: settings, logged rows and checkpoints, written so that a kill leaves them whole."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unitarygraph.training.options import from_document
from unitarygraph.training.settings import Settings, may_resume

#: packages whose versions config.toml notes: bit for bit holds for the same ones
NOTED = ("unitarygraph", "pytensor", "numpy", "scipy", "numba", "jax", "torch")


@dataclass(frozen=True)
class RunDirectory:
    """``DIR/config.toml``, ``DIR/metrics.jsonl``, ``DIR/checkpoint/`` and ``DIR/curves.png``."""

    path: Path

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        """The logged rows."""
        return self.path / "metrics.jsonl"

    @property
    def csv(self) -> Path:
        """The logged rows as a table for other programs."""
        return self.path / "metrics.csv"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoint" / "state.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint of the best evaluation."""
        return self.path / "checkpoint" / "best.safetensors"

    @property
    def curves(self) -> Path:
        """The picture."""
        return self.path / "curves.png"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config.exists()

    def begin(self, settings: Settings, force: bool = False) -> None:
        """Make the directory and write config.toml.

        Raises FileExistsError where there is a run already, unless `force`, which removes that
        run's files and no others, and where the directory holds something else. A run that never
        came to its first checkpoint is begun anew.
        """
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{self.path} is a file, not a directory")
        if self.exists():
            if self.checkpoint.exists() and not force:
                raise FileExistsError(
                    f"{self.path} holds a run already: --resume continues it, --force begins anew"
                )
            self._remove()
        elif self.path.exists() and any(self.path.iterdir()) and not force:
            raise FileExistsError(f"{self.path} is not empty and holds no run; --force uses it")
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        self.write_settings(settings)

    def write_settings(self, settings: Settings) -> None:
        """Write config.toml: the settings and the versions they ran with."""
        document = settings.document() | {"versions": versions()}
        write_atomically(self.config, tomli_w.dumps(document).encode())

    def settings(self, backend: str | None = None) -> Settings:
        """Read config.toml, for another backend if one is given.

        Raises FileNotFoundError where there is no run, and ValueError where config.toml cannot be
        read.
        """
        with self._in_words():
            return from_document(self._document(), backend).settings()

    def resumed(
        self, names: Mapping[str, Any], assignments: Mapping[str, Any], said: str = "--set "
    ) -> Settings:
        """Return the settings of a run that is to go on, with what is given put over them.

        `names` are those of ``[run]``, `assignments` and `said` as of
        :func:`~unitarygraph.training.options.resolve`. Raises as :meth:`settings` does, and as
        :func:`~unitarygraph.training.settings.may_resume` where something else is given than what
        the run began with.
        """
        with self._in_words():
            draft = from_document(self._document())
            old = draft.settings()
        may_resume(old, dataclasses.replace(old, **names), self.path)
        draft.take(assignments, said)
        new = draft.settings()
        may_resume(old, new, self.path)
        return new

    def noted_versions(self) -> dict[str, str]:
        """Return the versions that config.toml notes."""
        with self._in_words():
            return self._document().get("versions", {})

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, None where the run had none yet."""
        return Checkpoint.load(self.checkpoint) if self.checkpoint.exists() else None

    def best_checkpoint(self) -> Checkpoint:
        """Return that of the best evaluation; FileNotFoundError where the run keeps none."""
        if not self.best.exists():
            raise FileNotFoundError(
                f"{self.path} has no best checkpoint: one is kept at evaluations, by keep_best"
            )
        return Checkpoint.load(self.best)

    def last_checkpoint(self) -> Checkpoint:
        """Return the last checkpoint; FileNotFoundError where the run had none yet."""
        checkpoint = self.load_checkpoint()
        if checkpoint is None:
            raise FileNotFoundError(f"{self.path} has no checkpoint yet")
        return checkpoint

    def _document(self) -> dict:
        if not self.exists():
            raise FileNotFoundError(f"{self.path} holds no run: there is no {self.config}")
        return tomllib.loads(self.config.read_text(encoding="utf-8"))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say of a config.toml that cannot be read who wrote it and what can be done."""
        try:
            yield
        except ValueError as error:
            found = re.search(
                r'^unitarygraph = "(.*)"', self.config.read_text("utf-8", "replace"), re.M
            )
            raise ValueError(
                f"{self.config}: {error}. It was written by unitarygraph "
                f"{found[1] if found else 'of an unknown version'}, this is {version('unitarygraph')}: "
                "go on with the version that wrote it, or begin anew with --force"
            ) from error

    def _remove(self) -> None:
        for file in (self.config, self.metrics, self.csv, self.curves):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.path / "tensorboard", ignore_errors=True)
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in NOTED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a metrics file; a last line cut off by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class MetricsLog:
    """Appends rows to a metrics file, a whole line at a time."""

    def __init__(self, path: Path, keep_to: int = 0) -> None:
        """Open the file after cutting it back to the rows up to step `keep_to`."""
        self.path = path
        self.rows = [row for row in read_rows(path) if row["step"] <= keep_to]
        write_atomically(path, "".join(map(_line, self.rows)).encode())
        self._file = open(path, "ab")  # noqa: SIM115

    def append(self, row: Row) -> None:
        """Write one row; it is with the operating system when this returns."""
        self._file.write(_line(row).encode())
        self._file.flush()
        self.rows.append(row)

    def sync(self) -> None:
        """Flush the file to the disk, so that no checkpoint is ahead of it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False) + "\n"


FORMAT = "unitarygraph checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps: what is needed to go on bit for bit.

    `values` holds all shared variables by name (parameters, optimizer state, random
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


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by a file holding `content`.

    The content goes to a temporary file beside it, is flushed to the disk (fsync), takes the
    name's place by a rename, which POSIX makes indivisible, and the folder's entry is flushed too.
    A process killed at any point leaves the old file or the new one, and at worst the temporary.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system lets folders be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
