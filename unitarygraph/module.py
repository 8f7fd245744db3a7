"""What is trained and what is kept: one walk through parametrizations, layers, cells and models."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.parameter import GROUPS, Parameter, group_of
from unitarygraph.stacked.typing import Updates


class Module:
    """An object whose attributes hold shared variables and further modules.

    Attributes are walked in the order in which they were first set, and into lists, tuples and the
    values of dictionaries; each variable is met once. Those that `unitarygraph.parameter` made are
    trained, `params`; other shared tensors are kept but not trained, `buffers` (running averages,
    counters). Random generators are neither: who draws returns their updates.

    A subclass says its own share, without that of the modules within it, in `own_penalty`,
    `own_post_updates`, `own_free_parameters` and `trains`; to override what sums them up is refused
    (TypeError), since a module around it would not ask for that. `override_instead` names it.

    >>> import numpy as np, unitarygraph as ug
    >>> class Scaled(ug.Module):
    ...     def __init__(self):
    ...         self.weight = ug.parametrizations.Exp(3, field="real", rng=0, name="A")
    ...         self.gain = ug.parameter(np.ones(3), name="gain")
    >>> scaled = Scaled()
    >>> [p.name for p in scaled.params], [p.name for p in scaled.group("orthogonal")]
    (['A', 'gain'], ['A'])
    >>> scaled.free_parameters()
    6
    """

    #: what subclasses override in the place of methods that rest on it
    override_instead: ClassVar = {
        "params": "trains",
        "buffers": "trains",
        "group": "trains",
        "penalty": "own_penalty",
        "post_updates": "own_post_updates",
        "free_parameters": "own_free_parameters",
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for parent in cls.__mro__[1:]:
            for name, instead in vars(parent).get("override_instead", {}).items():
                if name in vars(cls):
                    raise TypeError(
                        f"{cls.__name__}: {name} is made of {instead}, which others ask for too; "
                        f"override {instead}"
                    )

    @property
    def params(self) -> list[SharedVariable]:
        """The shared variables to train, a new list."""
        return [v for owner, v in _variables(self) if owner.trains(v)]

    @property
    def buffers(self) -> list[SharedVariable]:
        """The other shared tensors that values depend on or updates move, a new list."""
        return [v for owner, v in _variables(self) if not owner.trains(v)]

    def group(self, name: str) -> list[SharedVariable]:
        """Those of `params` in a group, "orthogonal", "phase" or "other"; ValueError for another."""
        if name not in GROUPS:
            raise ValueError(f"group: expected one of {', '.join(GROUPS)}, got {name!r}")
        return [p for p in self.params if group_of(p) == name]

    def penalty(self) -> TensorVariable | None:
        """Scalar to be added to the loss in training, None for nothing."""
        shares = [m.own_penalty() for m in _modules(self)]
        given = [share for share in shares if share is not None]
        return sum(given[1:], given[0]) if given else None

    def post_updates(self, optimizer_state: Iterable[SharedVariable] = ()) -> Updates:
        """Updates to be made after each training step, by a function of their own.

        ``optimizer_state``: the shared variables in which the update rule of `params` remembers, for
        modules that move a parameter themselves (`DynamicTrivialization` says what it does to them).
        """
        return {
            variable: new
            for module in _modules(self)
            for variable, new in module.own_post_updates(optimizer_state).items()
        }

    def free_parameters(self) -> int:
        """Number of free real parameters: what is stored, less what is not read or is bound."""
        return sum(m.own_free_parameters() for m in _modules(self))

    def trains(self, variable: Variable) -> bool:
        """Whether a shared variable among the attributes is trained."""
        return isinstance(variable, Parameter)

    def own_penalty(self) -> TensorVariable | None:
        """The module's share of `penalty`: a scalar, or None."""
        return None

    def own_post_updates(self, optimizer_state: Iterable[SharedVariable] = ()) -> Updates:
        """The module's share of `post_updates`."""
        return {}

    def own_free_parameters(self) -> int:
        """The module's share of `free_parameters`: here the sizes of its own trained variables."""
        return sum(
            int(np.prod(v.type.shape))
            for owner, v in _variables(self)
            if owner is self and self.trains(v)
        )


def _walk(module):
    """(owner, module or variable) of all that a module holds, each once, the module itself first."""
    seen = set()

    def walk(owner, value):
        if isinstance(value, Module | TensorSharedVariable):
            if id(value) in seen:
                return
            seen.add(id(value))
            yield owner, value
        if isinstance(value, Module):
            for attribute in vars(value).values():
                yield from walk(value, attribute)
        elif isinstance(value, list | tuple):
            for item in value:
                yield from walk(owner, item)
        elif isinstance(value, Mapping):
            for item in value.values():
                yield from walk(owner, item)

    return walk(module, module)


def _modules(module):
    return [found for _, found in _walk(module) if isinstance(found, Module)]


def _variables(module):
    return [(owner, found) for owner, found in _walk(module) if not isinstance(found, Module)]
