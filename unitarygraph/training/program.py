"""From settings to compiled functions: numbers -> task -> model -> loss -> updates -> step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph import models, tasks
from unitarygraph.models.base import Model
from unitarygraph.parameter import group_of
from unitarygraph.tasks.base import Arrays, Task
from unitarygraph.training.backends import limits_in_words, prepare_backend
from unitarygraph.training.best import check_monitor
from unitarygraph.training.schedule import is_constant
from unitarygraph.training.settings import Settings, spoken
from unitarygraph.updates import by_group
from unitarygraph.weights import unitarity

Scalars = dict[str, float]
#: what a shared variable holds
Value = np.ndarray | np.random.Generator


class Program:
    """The compiled training step and evaluation of one run.

    Functions are compiled on first use, or all at once by :meth:`compile`. Every length and batch
    size has its own evaluation function, so that all shapes but those of parameters are static in
    every backend.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mode = prepare_backend(settings.backend, settings.dtype)
        self.task = task_of(settings)
        self.model = model_of(settings, self.task)
        _, stream_seed = _seeds(settings)
        self.stream = self.task.batches(
            np.random.default_rng(stream_seed), settings.training.batch, settings.dtype
        )
        self.names: list[str] = []
        self.shared: dict[str, SharedVariable] = {}
        self._remember([*self.model.params, *self.model.buffers])
        self._factor: SharedVariable | None = None
        if not is_constant(settings.training):
            self._factor = pytensor.shared(np.asarray(1.0), name="schedule/factor")
        self._step: Function | None = None
        self._after_step: Function | None = None
        self._evaluations: dict[tuple[int, ...], Function] = {}

    def compile(self) -> None:
        """Compile the training step and run it and every evaluation function once.

        Backends compile at the first call, so one call each is made; the values of all
        shared variables are put back after it, and the training stream is not touched.
        """
        training = self.settings.training
        stream = self.task.batches(0, training.batch, self.settings.dtype)
        with limits_in_words(self.settings.backend, self.settings.model):
            before = self.values()
            self.step(*next(stream))
        self.restore(before)
        self.compile_evaluation()

    def compile_evaluation(self) -> None:
        """Compile and run an evaluation function for each length and size of evaluation batches."""
        sizes = set()
        for batch in chain(self._evaluation_batches(), *self._further_evaluations().values()):
            if batch[0].shape[:2] not in sizes:
                sizes.add(batch[0].shape[:2])
                with limits_in_words(self.settings.backend, self.settings.model):
                    self._evaluate_batch(batch)
        labels = self._further_evaluations()
        further = [f"{name}_{label}" for label in labels for name in self.names[1:]]
        check_monitor(self.settings.training, [*self.names, *further])

    def schedule(self, factor: float) -> Scalars:
        """Set the factor of all learning rates and return the rates of the groups there are."""
        assert self._factor is not None
        self._factor.set_value(np.asarray(factor))
        groups = dict.fromkeys(group_of(p) for p in self.model.params)
        names = {group: spoken(f"rules.{group}.learning_rate") for group in groups}
        rules = self.settings.rules
        return {names[group]: factor * rules[group].learning_rate for group in groups}

    def step(self, *batch: np.ndarray) -> Scalars:
        """Make one training step; return the batch's loss (before it) and metrics."""
        self._compile_step()
        assert self._step is not None
        values = self._scalars(self._step(*batch))
        if self._after_step is not None:
            self._after_step()
        return values

    def evaluate(self) -> Scalars:
        """Return loss and metrics over the whole evaluation set, each sequence weighing one.

        Or as the task's `weight` says.
        The metrics of the task's further sets have the sets' names behind their own.
        """
        found = self._mean_over(self._evaluation_batches())
        for label, batches in self._further_evaluations().items():
            means = self._mean_over(batches)
            found |= {f"{name}_{label}": v for name, v in means.items() if name != "loss"}
        return found

    def _mean_over(self, batches: Iterable[Arrays]) -> Scalars:
        """Means of loss and metrics over batches, each with the task's weight."""
        totals: Scalars = {}
        count = 0.0
        for batch in batches:
            size = self.task.weight(batch)
            count += size
            for name, value in self._evaluate_batch(batch).items():
                totals[name] = totals.get(name, 0.0) + size * value
        return {name: total / count for name, total in totals.items()}

    def unitarity(self) -> float | None:
        """Return ||W^H W - I||_F of the current recurrent matrix, None where there is none.

        Of several layers it is the largest.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # the loop refuses what is not finite
            found = [unitarity(matrix) for matrix in self.model.recurrent_matrices()]
        return float(np.max(found)) if found else None

    def values(self) -> dict[str, Value]:
        """Return copies of the values of all shared variables, by name."""
        self._compile_step()
        return {name: _value_of(variable) for name, variable in self.shared.items()}

    def restore(self, values: dict[str, Value]) -> None:
        """Set all shared variables; ValueError where names, shapes or dtypes do not fit."""
        self._compile_step()
        if set(values) != set(self.shared):
            raise ValueError(
                f"state: expected the variables {sorted(self.shared)}, got {sorted(values)}"
            )
        for name, value in values.items():
            self.shared[name].set_value(_checked(self.shared[name], value))

    def not_finite(self) -> str | None:
        """Return the name of a shared variable with NaN or infinity, None if there is none."""
        for name, variable in self.shared.items():
            value = variable.get_value(borrow=True)
            if isinstance(value, np.random.Generator):
                continue
            value = np.asarray(value)
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                return name
        return None

    def _compile_step(self) -> None:
        """Compile the step once; only its updates tell which optimizer state there is."""
        if self._step is not None:
            return
        training = self.settings.training
        inputs = self.task.inputs(self.settings.dtype, training.batch)
        outputs, statistics = self.model.training(inputs[0], self._mask(inputs))
        loss, metrics = self._objective(outputs, inputs)
        penalty = self.model.penalty()
        updates = by_group(
            loss if penalty is None else loss + penalty,
            self.model,
            self._rules(),
            clip=training.clip,
        )
        updates |= statistics
        after = self.model.post_updates()
        self._remember(updates)
        self._remember(after)
        self.names = ["loss", *metrics]
        self._step = pytensor.function(
            inputs, [loss, *metrics.values()], updates=list(updates.items()), mode=self.mode
        )
        self._remember(v for v in self._step.get_shared() if isinstance(v, SharedVariable))
        if after:
            self._after_step = pytensor.function(
                [], [], updates=list(after.items()), mode=self.mode
            )

    def _rules(self) -> dict[str, Callable]:
        """The rules by group, their rates times the shared factor of the schedule if there is one."""
        rules = self.settings.rules
        if self._factor is None:
            return dict(rules)
        return {group: partial(rule, factor=self._factor) for group, rule in rules.items()}

    def _evaluate_batch(self, batch: Arrays) -> Scalars:
        size = batch[0].shape[:2]
        if size not in self._evaluations:
            inputs = [
                variable.type.clone(shape=array.shape)(name=variable.name)
                for variable, array in zip(
                    self.task.inputs(self.settings.dtype, size[1]), batch, strict=True
                )
            ]
            outputs = self.model(inputs[0], mask=self._mask(inputs))
            loss, metrics = self._objective(outputs, inputs)
            self.names = ["loss", *metrics]
            self._evaluations[size] = pytensor.function(
                inputs, [loss, *metrics.values()], mode=self.mode
            )
        return self._scalars(self._evaluations[size](*batch))

    def _evaluation_batches(self) -> Iterator[Arrays]:
        return self.task.evaluation_batches(self.settings.training.batch, self.settings.dtype)

    def _further_evaluations(self) -> dict[str, Iterator[Arrays]]:
        training = self.settings.training
        return self.task.further_evaluations(training.batch, self.settings.dtype)

    def _mask(self, inputs: list[TensorVariable]) -> TensorVariable | None:
        return inputs[-1] if self.task.masked else None

    def _objective(
        self, outputs: TensorVariable, inputs: list[TensorVariable]
    ) -> tuple[TensorVariable, dict[str, TensorVariable]]:
        _, *targets = inputs
        loss = pt.as_tensor_variable(self.task.loss(outputs, *targets))
        return loss, self.task.metrics(outputs, *targets)

    def _remember(self, variables: Iterable[SharedVariable]) -> None:
        """Enter shared variables under their names, which checkpoints and messages use."""
        for variable in variables:
            if variable.name is None:
                raise ValueError(f"shared variable {variable!r} has no name to be saved under")
            if self.shared.setdefault(variable.name, variable) is not variable:
                raise ValueError(f"two shared variables are called {variable.name!r}")

    def _scalars(self, outputs: list) -> Scalars:
        return {name: float(value) for name, value in zip(self.names, outputs, strict=True)}


def task_of(settings: Settings) -> Task:
    """Build the task of a run."""
    return tasks.build(settings.task, **settings.task_options)


def model_of(settings: Settings, task: Task) -> Model:
    """Build the model of a run with its first values."""
    model_seed, _ = _seeds(settings)
    with pytensor.config.change_flags(floatX=settings.dtype):
        return models.build(
            settings.model,
            task.input_size,
            settings.hidden,
            task.output_size,
            rng=np.random.default_rng(model_seed),
            dtype=settings.dtype,
            **settings.model_options,
        )


def restore_model(model: Model, values: Mapping[str, Value]) -> None:
    """Set a model's parameters and statistics from a state that may hold more.

    Raises ValueError where one is missing, or has another shape or dtype.
    """
    for variable in (*model.params, *model.buffers):
        if variable.name not in values:
            raise ValueError(f"state: expected a variable {variable.name!r}, got {sorted(values)}")
        variable.set_value(_checked(variable, values[variable.name]))


def _seeds(settings: Settings) -> list[np.random.SeedSequence]:
    """Seeds of the model's first values and of the training data."""
    return np.random.SeedSequence(settings.training.seed).spawn(2)


def _value_of(variable: SharedVariable) -> Value:
    """Copy of what a shared variable holds; JAX may hold it as its own array, and narrower."""
    value = variable.get_value()
    if isinstance(value, np.random.Generator):
        return _copied(value)
    return np.array(value, dtype=variable.type.dtype)


def _copied(generator: np.random.Generator) -> np.random.Generator:
    copy = np.random.Generator(type(generator.bit_generator)())
    copy.bit_generator.state = generator.bit_generator.state
    return copy


def _checked(variable: SharedVariable, value: Value) -> Value:
    if isinstance(value, np.random.Generator):
        return _copied(value)
    dtype, shape = variable.type.dtype, variable.get_value(borrow=True).shape
    if value.shape != shape or value.dtype != dtype:
        raise ValueError(
            f"state: {variable.name} must be {dtype} of shape {shape}, "
            f"got {value.dtype} of shape {value.shape}"
        )
    return np.array(value)
