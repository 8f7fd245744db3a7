"""The run directory: which files a run has, and when one may be begun or taken up."""

from __future__ import annotations

import dataclasses
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

import tomli_w

from unitarygraph.training.checkpoint import Checkpoint
from unitarygraph.training.durable import write_atomically
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
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoint" / "state.safetensors"

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
        return self._read(backend, {}, "")

    def resumed(
        self, names: Mapping[str, Any], assignments: Mapping[str, Any], said: str = "--set "
    ) -> Settings:
        """Return the settings of a run that is to go on, with what is given put over them.

        `names` are those of ``[run]``, `assignments` and `said` as of
        :func:`~unitarygraph.training.options.resolve`. Raises as :meth:`settings` does, and as
        :func:`~unitarygraph.training.settings.may_resume` where something else is given than what
        the run began with.
        """
        old = self.settings()
        may_resume(old, dataclasses.replace(old, **names), self.path)
        new = self._read(None, assignments, said)
        may_resume(old, new, self.path)
        return new

    def _read(self, backend: str | None, assignments: Mapping[str, Any], said: str) -> Settings:
        document = self._document()
        with self._in_words():
            from_document(document)
        return from_document(document, backend, assignments, said)

    def noted_versions(self) -> dict[str, str]:
        """Return the versions that config.toml notes."""
        return self._document()["versions"]

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, None where the run had none yet."""
        return Checkpoint.load(self.checkpoint) if self.checkpoint.exists() else None

    def _document(self) -> dict:
        if not self.exists():
            raise FileNotFoundError(f"{self.path} holds no run: there is no {self.config}")
        with self._in_words():
            return tomllib.loads(self.config.read_text(encoding="utf-8"))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say of a config.toml that cannot be read who wrote it and what can be done."""
        try:
            yield
        except ValueError as error:
            found = re.search(r'^unitarygraph = "(.*)"', self.config.read_text(), re.MULTILINE)
            raise ValueError(
                f"{self.config}: {error}. It was written by unitarygraph "
                f"{found[1] if found else 'of an unknown version'}, this is {version('unitarygraph')}: "
                "go on with the version that wrote it, or begin anew with --force"
            ) from error

    def _remove(self) -> None:
        for file in (self.config, self.metrics, self.curves):
            file.unlink(missing_ok=True)
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
