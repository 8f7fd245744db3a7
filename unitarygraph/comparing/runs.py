"""The runs of a comparison, one after another or several processes side by side."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from unitarygraph import tasks
from unitarygraph.comparing.plan import Plan, PlannedRun, in_words
from unitarygraph.training.begin import prepare
from unitarygraph.training.display import clock
from unitarygraph.training.loop import Interrupted, NotFinite
from unitarygraph.training.process import StopRequest
from unitarygraph.training.run import draw, execute
from unitarygraph.training.settings import ENDLESS, may_resume
from unitarygraph.training.store import read_rows


@dataclass(frozen=True)
class Outcome:
    """How a run ended: "finished", "not finite", "failed" or "stopped", and why."""

    kind: str
    reason: str | None = None
    signal: int = 0


def make_directories(plan: Plan, *, resume: bool = False, force: bool = False) -> None:
    """Make the directories of all runs; on `resume` check those that are there.

    Raises FileExistsError where there is a run already, unless `resume` or `force`, which removes
    its files, and ValueError where a run to be resumed has other settings; more steps or minutes
    may be asked for.
    """
    runs = plan.runs()
    if not (resume or force):
        held = [run.directory.path for run in runs if run.directory.checkpoint.exists()]
        if held:
            raise FileExistsError(
                f"{held[0]} holds a run already: --resume continues the comparison, "
                "--force begins anew"
            )
    if resume:
        for run in runs:
            if run.directory.exists():
                may_resume(run.directory.settings(), run.settings, run.directory.path)
                run.directory.load_checkpoint()  # a damaged one is told now
    for run in runs:
        if resume and run.directory.exists():
            run.directory.write_settings(run.settings)
        else:
            run.directory.begin(run.settings, force)


def attempt(run: PlannedRun, console: Console, label: str = "") -> Outcome:
    """Make one run, or what is left of it; whatever it raises becomes an outcome."""
    if run.finished():
        if not run.directory.curves.exists():
            baseline = tasks.build(run.settings.task, **run.settings.task_options).baseline
            draw(run.directory, run.settings, baseline)
        return Outcome("finished")
    try:
        execute(run.directory, prepare(run.settings), console, label)
    except Interrupted as stop:
        return Outcome("stopped", str(stop), stop.signal)
    except KeyboardInterrupt:
        return Outcome("stopped", "stopped at once", 2)
    except NotFinite as stop:
        return Outcome("not finite", str(stop).partition(";")[0])
    except NotImplementedError as error:
        return Outcome("failed", " ".join(str(error).split()))
    except Exception as error:
        return Outcome("failed", in_words(error))
    return Outcome("finished")


#: seconds between two looks at the processes
INTERVAL = 0.5

#: how the runs ended, by model and seed
Outcomes = dict[tuple[str, int], Outcome]


def run_all(plan: Plan, console: Console) -> Outcomes:
    """Make all runs that are not finished; stop, with what there is, when a person stops one."""
    runs = plan.runs()
    began, made = time.perf_counter(), 0
    outcomes: Outcomes = {}
    make = _side_by_side if plan.jobs > 1 else _in_turn
    for number, run, outcome, kept in make(plan, runs, console):
        outcomes[run.name, run.seed] = outcome
        made += not kept
        left = len(runs) - len(outcomes)
        text = Text(f"{_label(number, runs, run)}  {_ending(run, outcome, kept)}")
        if made and left:
            seconds = (time.perf_counter() - began) / made * left
            text.append(f"  {left} left, about {clock(seconds)}", style="dim")
        console.print(text, soft_wrap=True)
    return outcomes


def _in_turn(
    plan: Plan, runs: list[PlannedRun], console: Console
) -> Iterator[tuple[int, PlannedRun, Outcome, bool]]:
    for number, run in enumerate(runs, 1):
        kept = run.finished()
        outcome = attempt(run, console, _label(number, runs, run))
        yield number, run, outcome, kept
        if outcome.kind == "stopped":
            return


def _side_by_side(
    plan: Plan, runs: list[PlannedRun], console: Console
) -> Iterator[tuple[int, PlannedRun, Outcome, bool]]:
    """Give every run a process of its own, so that none can take another down."""
    context = multiprocessing.get_context("spawn")
    waiting = list(enumerate(runs, 1))
    under_way: dict[Connection, tuple[int, PlannedRun, BaseProcess]] = {}
    told = False  # a second signal would stop a run at once
    with StopRequest() as stop, _display(console) as live:
        try:
            while waiting or under_way:
                while waiting and len(under_way) < plan.jobs and not stop.signal:
                    number, run = waiting.pop(0)
                    if run.finished():
                        yield number, run, attempt(run, console), True
                        continue
                    ours, theirs = context.Pipe(duplex=False)
                    child = context.Process(target=_work, args=(run, theirs))
                    with _pythons_modules_first():
                        child.start()
                    theirs.close()
                    under_way[ours] = number, run, child
                if stop.signal and not told:
                    told = True
                    waiting.clear()
                    for _, _, process in under_way.values():
                        process.terminate()
                for answer in wait(list(under_way), timeout=INTERVAL):
                    assert isinstance(answer, Connection)
                    number, run, process = under_way.pop(answer)
                    yield number, run, _answer(answer, process, stop.signal), False
                if live is not None:
                    lines = [_state(number, runs, run) for number, run, _ in under_way.values()]
                    live.update(Group(*lines), refresh=True)
        finally:
            for _, _, process in under_way.values():
                process.terminate()


@contextmanager
def _pythons_modules_first() -> Iterator[None]:
    """Keep what starts from taking a struct.py in the current folder for Python's own module.

    The folder is on the path that this process hands on, if it is on its own.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _work(run: PlannedRun, answer: Connection) -> None:
    """Make a run in this process and send how it ended."""
    if hasattr(os, "setsid"):
        os.setsid()  # a Ctrl-C is for the parent, which hands it on
    answer.send(attempt(run, Console(quiet=True)))


def _answer(answer: Connection, process: BaseProcess, signal: int | None) -> Outcome:
    try:
        outcome = answer.recv()
    except EOFError:
        outcome = None
    process.join()
    if signal and (outcome is None or outcome.kind == "stopped"):
        return Outcome("stopped", outcome.reason if outcome else "stopped at once", signal)
    if outcome is not None:
        return outcome
    return Outcome("failed", f"the process ended without a word, exit code {process.exitcode}")


@contextmanager
def _display(console: Console) -> Iterator[Live | None]:
    """The live lines of processes on a terminal, None elsewhere."""
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield live


def _label(number: int, runs: list[PlannedRun], run: PlannedRun) -> str:
    return f"{number}/{len(runs)} {run.name} seed {run.seed}"


def _state(number: int, runs: list[PlannedRun], run: PlannedRun) -> Text:
    rows = read_rows(run.directory.metrics)
    if not rows:
        return Text(f"{_label(number, runs, run)}  compiling")
    steps = run.settings.training.steps
    of = "" if steps >= ENDLESS else f"/{steps}"
    return Text(
        f"{_label(number, runs, run)}  step {rows[-1]['step']}{of}  loss {rows[-1]['loss']:.3e}"
    )


def _ending(run: PlannedRun, outcome: Outcome, kept: bool) -> str:
    if outcome.kind == "stopped":
        return str(outcome.reason)
    if outcome.kind != "finished":
        return f"{outcome.kind}: {outcome.reason}"
    row = read_rows(run.directory.metrics)[-1]
    words = ["finished before" if kept else "finished", f"step {row['step']}"]
    words.append(f"evaluation loss {row['eval_loss']:.3e}")
    if "eval_accuracy" in row:
        words.append(f"evaluation accuracy {row['eval_accuracy']:.1%}")
    return "  ".join(words)
