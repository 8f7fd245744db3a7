"""From what a person writes to settings: keys are parsed, routed to their section, and built."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from unitarygraph import models, tasks
from unitarygraph.parameter import GROUPS
from unitarygraph.training.backends import DEFAULT_BACKEND, check_backend
from unitarygraph.training.rules import Rule, check_rule, companion_of, rule_options
from unitarygraph.training.settings import SHORT_FORMS, Settings, TrainingOptions, flat
from unitarygraph.training.values import Option, options_from, parse

#: the first word of a key -> the section of config.toml that it means; "optimizer" is that of
#: files and commands written before rules had sections of their own
PREFIXES = {"optimizer": "rules.other"} | {group: f"rules.{group}" for group in GROUPS}
#: the sections that a key without one may belong to, the first to be asked first
SECTIONS = ("training", "task", "model", *(f"rules.{group}" for group in GROUPS))


def resolve(
    task: str = "copying",
    model: str = "exprnn",
    hidden: int = 128,
    backend: str = DEFAULT_BACKEND,
    dtype: str = "float32",
    assignments: Mapping[str, Any] | None = None,
    said: str = "--set ",
) -> Settings:
    """Return complete settings from names and options.

    Each key of `assignments` goes to the section that has an option of that name
    (``section.key`` says it outright, a mapping all keys of a section at once); its value may be
    text, which is read as the option's type. Defaults, later ones first: those of
    :class:`~unitarygraph.training.settings.TrainingOptions` and of the builders, the model's, the
    task's, and the model's for this task. What is wrong in `assignments` is called by its key,
    after `said`.

    Raises
    ------
    ValueError
        For unknown names, values of a wrong type or out of range, an unknown key (the message
        lists the valid ones) or one that two sections claim.
    """
    draft = Draft(task, model, hidden, backend, dtype)
    draft.take(assignments or {}, said)
    return draft.settings()


def from_document(document: Mapping[str, Any], backend: str | None = None) -> Draft:
    """Return what :meth:`Settings.document` wrote, for another backend if one is given.

    Documents of the time when a rule's name and rate stood in ``[training]`` and its options in
    ``[optimizer]``, ``[orthogonal]`` and ``[phase]`` are read as well: those keys are today's
    short forms.
    """
    if "run" not in document:
        raise ValueError("the section [run] is missing")
    run, expected = document["run"], ("task", "model", "hidden", "backend", "dtype")
    if set(run) != set(expected):
        raise ValueError(f"[run]: expected {', '.join(expected)}, got {', '.join(run)}")
    draft = Draft(
        run["task"],
        run["model"],
        parse("hidden", run["hidden"], int),
        backend or run["backend"],
        run["dtype"],
    )
    draft.take({key: v for key, v in document.items() if key not in ("run", "versions")}, "")
    return draft


@dataclasses.dataclass
class RuleDraft:
    """What has been said of a group's rule; None where it is that of all others."""

    name: str | None = None
    learning_rate: float | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


class Draft:
    """Settings under way: layers of options are taken, a later one over an earlier one."""

    def __init__(self, task: str, model: str, hidden: int, backend: str, dtype: str) -> None:
        check_backend(backend)
        self.task, self.model = task, model
        self.hidden, self.backend, self.dtype = hidden, backend, dtype
        known_task, known_model = tasks.lookup(task), models.lookup(model)
        training = {f.name: f.default for f in dataclasses.fields(TrainingOptions)}
        self.known = {
            "training": options_from(training, TrainingOptions),
            "task": options_from(tasks.options_of(task), known_task),
            "model": options_from(models.options_of(model), known_model),
        }
        self.values = {
            section: {name: option.default for name, option in options.items()}
            for section, options in self.known.items()
        }
        self.rules = {group: RuleDraft() for group in GROUPS}
        self.rules["other"] = RuleDraft("rmsprop", 1e-3)
        self.take(known_model.defaults, f"defaults of {model}: ")
        self.take(known_task.defaults, f"defaults of {task}: ")
        self.take(known_model.task_defaults.get(task, {}), f"defaults of {model} for {task}: ")

    def take(self, layer: Mapping[str, Any], said: str) -> None:
        """Put options over those taken before; a wrong one is called by its key after `said`."""
        keys: dict[str, tuple[str, Any]] = {}
        for key, value in flat(layer):
            long = spelled_out(key)
            if long in keys:
                raise ValueError(f"{said}{keys[long][0]} and {key} say the same: it is given twice")
            keys[long] = key, value
        # A rule's name says which options it has, and what names its section stands over what does
        # not.
        for long in sorted(keys, key=lambda k: (not k.endswith(".name"), "." in k)):
            key, value = keys[long]
            for section, name in self._targets(long, f"{said}{key}"):
                self._put(section, name, value, f"{said}{key}")

    def settings(self) -> Settings:
        """Return the settings: every rule complete, every option with its value."""
        return Settings(
            task=self.task,
            model=self.model,
            hidden=self.hidden,
            backend=self.backend,
            dtype=self.dtype,
            training=TrainingOptions(**self.values["training"]),
            task_options=dict(self.values["task"]),
            model_options=dict(self.values["model"]),
            rules=self._complete_rules(),
        )

    def _complete_rules(self) -> dict[str, Rule]:
        main = self.rules["other"]
        assert main.learning_rate is not None
        rules = {}
        for group, draft in self.rules.items():
            name = self._rule_of(group)
            options = {key: option.default for key, option in rule_options(name).items()}
            if draft.name is None and name == main.name:
                options |= main.options
            if draft.name in (None, name):  # else a companion has taken the rule's place
                options |= {key: v for key, v in draft.options.items() if key in options}
            rate = draft.learning_rate
            if rate is None:
                rate = main.learning_rate / 10 if group == "orthogonal" else main.learning_rate
            rules[group] = Rule(name, rate, options)
        return rules

    def _rule_of(self, group: str) -> str:
        """Name of a group's rule: its own, or what the rule of all others says of it."""
        own, main = self.rules[group].name, self.rules["other"].name
        assert main is not None
        if own is not None and group != "other":
            return own
        return main if group == "orthogonal" else companion_of(main) or main

    def _options_of(self, section: str) -> Mapping[str, Option]:
        """Options of a section by name, a rule's name and rate among them."""
        if not section.startswith("rules."):
            return self.known.get(section, {})
        group = section.removeprefix("rules.")
        if group not in GROUPS:
            return {}
        draft = self.rules[group]
        of_all = group == "other"
        name = draft.name if of_all else self._rule_of(group)
        assert name is not None
        return {
            "name": Option(draft.name, str if of_all else str | None),
            "learning_rate": Option(draft.learning_rate, float if of_all else float | None),
        } | rule_options(name)

    def _targets(self, key: str, said: str) -> list[tuple[str, str]]:
        """Sections and names that a key means: one, or all groups that share the rule it is of."""
        section, dot, name = key.rpartition(".")
        if dot and name in self._options_of(section):
            return [(section, name)]
        claims = [s for s in SECTIONS if self._claims(s, key)]
        # training's go first, and the groups of one rule are one
        if len({self._owner(s) for s in claims}) == 1:
            return [(s, key) for s in claims]
        if "training" in claims:
            return [("training", key)]
        if claims:
            raise ValueError(f"{said}: write {' or '.join(f'{s}.{key}' for s in claims)}")
        valid = "; ".join(
            f"{s}: {', '.join(sorted(self._options_of(s))) or 'none'}" for s in SECTIONS
        )
        raise ValueError(
            f"{said}: no such option; valid are {valid}; for short {', '.join(SHORT_FORMS)}"
        )

    def _claims(self, section: str, key: str) -> bool:
        """Whether a key without a section may mean this one; a group only by a rule of its own."""
        group = section.removeprefix("rules.")
        if group in GROUPS and (key == "name" or self.rules[group].name is None):
            return False
        return key in self._options_of(section)

    def _owner(self, section: str) -> str | None:
        group = section.removeprefix("rules.")
        return self.rules[group].name if group in GROUPS else section

    def _put(self, section: str, name: str, value: Any, said: str) -> None:
        value = self._options_of(section)[name].read(said, value)
        if section in self.known:
            self.values[section][name] = value
            return
        draft = self.rules[section.removeprefix("rules.")]
        if name == "learning_rate":
            draft.learning_rate = value
        elif name != "name":
            draft.options[name] = value
        else:
            if value is not None:
                check_rule(said, value)
            if value != draft.name:
                draft.name, draft.options = value, {}


def spelled_out(key: str) -> str:
    """Return a key with the section of config.toml in which it stands, where its form says that."""
    plain = key.removeprefix("training.")
    first, dot, rest = key.partition(".")
    if dot and first in PREFIXES:
        return f"{PREFIXES[first]}.{rest}"
    return SHORT_FORMS.get(plain, plain if plain in TrainingOptions.__dataclass_fields__ else key)
