"""The beginning of a run: from what a person gives to a directory and a program to be compiled."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pytensor
from rich.console import Console

from unitarygraph.training.backends import check_backend
from unitarygraph.training.options import Draft, from_document, resolve
from unitarygraph.training.program import Program, restore_model
from unitarygraph.training.settings import Settings
from unitarygraph.training.store import RunDirectory, versions


def begin(
    task: str | None,
    model: str | None = None,
    hidden: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | PathLike | None = None,
    backend: str | None = None,
    dtype: str | None = None,
    *,
    config: str | PathLike | None = None,
    resume: bool,
    force: bool,
    console: Console,
    assignments: Mapping[str, Any],
    said: str,
) -> tuple[RunDirectory, Program]:
    """Begin or take up a run, as `unitarygraph.training.train` says; nothing is compiled yet.

    All that a person may have got wrong is found here. `said` is as of
    :func:`~unitarygraph.training.options.resolve`.
    """
    if resume and force:
        raise ValueError("--resume and --force exclude each other")
    if resume and config is not None:
        raise ValueError("--resume and --config exclude each other: a run goes on with its own")
    draft = None if config is None else draft_from(Path(config))
    if draft is not None:
        task = _same("task", task, draft.task, config)
        model = _same("model", model, draft.model, config)
    if task is None:
        raise ValueError("task: expected a name, or --config with one, got none")
    named = {"model": model, "hidden": hidden, "backend": backend, "dtype": dtype}
    given: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    options = with_named(assignments, said, steps=steps, seed=seed)
    name = f"{task}-{model or 'exprnn'}".replace(":", ".")
    files = RunDirectory(Path("runs") / name if out is None else Path(out))
    if not resume:
        if draft is None:
            settings = resolve(task, **given, assignments=options, said=said)
        else:
            draft.take(options, said)
            settings = dataclasses.replace(draft.settings(), **given)
            check_backend(settings.backend)
        program = prepare(settings)
        files.begin(program.settings, force)
        return files, program
    settings = files.resumed({"task": task} | given, options, said)
    for line in changed_versions(files):
        console.print(f"note: {line}; the last digits may differ", soft_wrap=True)
    program = prepare(settings)
    checkpoint = files.load_checkpoint()
    if checkpoint is not None:
        restore_model(program.model, checkpoint.values)
    files.write_settings(settings)
    return files, program


def with_named(assignments: Mapping[str, Any], said: str, **named: Any) -> dict[str, Any]:
    """Return assignments and named options, those that are not None; ValueError if one is both."""
    given = {key: value for key, value in named.items() if value is not None}
    for key in given:
        if key in assignments:
            raise ValueError(f"{said}{key} is given twice")
    return given | dict(assignments)


def prepare(settings: Settings) -> Program:
    """Build task, model and data of a run; nothing is compiled and nothing written yet."""
    with pytensor.config.change_flags(floatX=settings.dtype):
        return Program(settings)


def draft_from(path: Path) -> Draft:
    """Return the settings of a run's ``config.toml``, to be written over.

    Raises FileNotFoundError where there is none, and ValueError where the file is of another form.
    """
    if path.is_dir():
        raise ValueError(
            f"--config: expected a file, {path} is a directory; write {path / 'config.toml'}"
        )
    if not path.exists():
        raise FileNotFoundError(f"--config: there is no file {path}")
    try:
        draft = from_document(tomllib.loads(path.read_text(encoding="utf-8")))
        draft.settings()
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"--config: {path} has not the form of a run's config.toml, which `unitarygraph train` "
            f"writes: {error}"
        ) from error
    return draft


def _same(what: str, given: str | None, known: str, config: object) -> str:
    """The name in a config; another one is refused, for the options of the file are for this one."""
    if given is not None and given != known:
        raise ValueError(f"--config: {config} has {what} = {known}, got {given}")
    return known


def changed_versions(files: RunDirectory) -> list[str]:
    """Return a line for each package whose version is not the one the run began with."""
    noted, now = files.noted_versions(), versions()
    return [
        f"{name}: the run began with {noted.get(name, 'none')}, this is {now.get(name, 'none')}"
        for name in sorted({*noted, *now})
        if noted.get(name) != now.get(name)
    ]
