"""Options and their values: the type that an option declares, and text read as that type."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Option:
    """An option's default and the type that its values are read as."""

    default: Any
    hint: Any

    def read(self, said: str, value: Any) -> Any:
        """Return `value`, text or already of the type; ValueError begins with `said`."""
        return parse(said, value, self.hint)


def options_from(
    defaults: Mapping[str, Any], declared: type | Callable[..., Any]
) -> dict[str, Option]:
    """Return options by name, typed as a function's arguments or a class's fields declare."""
    hints = hints_of(declared)
    return {
        name: Option(default, hints.get(name, hint_of(default)))
        for name, default in defaults.items()
    }


def hints_of(thing: type | Callable[..., Any]) -> dict[str, Any]:
    """Return the annotated types of a function's arguments, or of what a class is made from.

    Those are a dataclass's fields and any other class's arguments. Where an annotation names
    something imported for type checkers only, none is returned, and options are read as the types
    of their defaults.
    """
    if isinstance(thing, type) and not dataclasses.is_dataclass(thing):
        thing = thing.__init__  # type: ignore[misc]
    try:
        return typing.get_type_hints(thing)
    except NameError:
        return {}


def hint_of(default: Any) -> Any:
    """Return the type to read an option as that declares none: its default's, or any for None."""
    return float | str | None if default is None else type(default)


def parse(said: str, value: Any, hint: Any) -> Any:
    """Read `value`, text or already of its type, as the type `hint`.

    ``X | Y`` tries its members in order, ``Literal`` lists the choices, None is written "none",
    truth is true/false, yes/no or 1/0. Raises ValueError naming the option, as `said`, and the type.
    """
    for member in _members(hint):
        try:
            return _read(value, member)
        except (KeyError, TypeError, ValueError):
            continue
    raise ValueError(f"{said}: expected {_say(hint)}, got {value!r}")


def _members(hint: Any) -> list[Any]:
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return [hint]
    # what text cannot write, such as a symbolic rate or a generator, is for calls from Python
    written = [member for member in typing.get_args(hint) if _is_written(member)]
    # text is the last resort: every value can be read as a string
    return sorted(written, key=lambda member: member is str)


def _is_written(hint: Any) -> bool:
    return hint in (bool, int, float, str, type(None)) or typing.get_origin(hint) is Literal


def _read(value: Any, hint: Any) -> Any:
    if typing.get_origin(hint) is Literal:
        return {str(choice): choice for choice in typing.get_args(hint)}[str(value)]
    if hint is type(None):
        return None if value is None or value == "none" else _refuse(value)
    if hint is bool:
        word = str(value).lower()
        return WORDS[word] if word in WORDS else _refuse(value)
    if hint is int:
        return _refuse(value) if isinstance(value, (bool, float)) else int(value)
    if hint is float:
        return _refuse(value) if isinstance(value, bool) else float(value)
    if hint is str:
        return value if isinstance(value, str) else _refuse(value)
    raise TypeError(hint)


def _refuse(value: Any) -> Any:
    raise ValueError(value)


def _say(hint: Any) -> str:
    names = []
    for member in _members(hint):
        if typing.get_origin(member) is Literal:
            names.append("one of " + ", ".join(map(str, typing.get_args(member))))
        else:
            names.append("none" if member is type(None) else getattr(member, "__name__", "value"))
    return " or ".join(names)
