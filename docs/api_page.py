"""Writes docs/api.md from the public names: ``python docs/api_page.py``."""

import inspect
import re
from importlib import import_module
from pathlib import Path

HEAD = """# API

Every public name, its signature and its first words; `help(name)` has formula, shapes, errors and source.
This page is made by `python docs/api_page.py`.
"""
SECTIONS = {
    "Top level": ("unitarygraph", "`import unitarygraph as ug`"),
    "ug.stacked": ("unitarygraph.stacked", None),
    "ug.manifolds": ("unitarygraph.manifolds", None),
    "ug.updates": ("unitarygraph.updates", None),
    "ug.updates.schedules": ("unitarygraph.updates.schedules", None),
    "ug.parametrizations": ("unitarygraph.parametrizations", None),
    "ug.nn": ("unitarygraph.nn", None),
    "ug.nn.initializers": ("unitarygraph.nn.initializers", None),
    "unitarygraph.models": ("unitarygraph.models", "`from unitarygraph import models`"),
    "unitarygraph.tasks": ("unitarygraph.tasks", "`from unitarygraph import tasks`"),
    "unitarygraph.training": ("unitarygraph.training", "also `ug.train` and `ug.load`"),
    "unitarygraph.comparing": ("unitarygraph.comparing", "also `ug.compare`"),
}
WIDTH = 100


def call_of(name, value):
    """Name and arguments, cut where they are many."""
    if inspect.ismodule(value) or not callable(value):
        return name
    arguments = []
    for parameter in inspect.signature(value).parameters.values():
        text = str(parameter.replace(annotation=inspect.Parameter.empty))
        arguments.append(re.sub(r"<[^>]*>", "...", text))
    text = f"{name}({', '.join(arguments)})"
    return text if len(text) <= WIDTH else f"{name}({', '.join(arguments[:3])}, ...)"


def first_words(value):
    """First line of the docstring in Markdown; pipes and line ends would break the table."""
    if not inspect.ismodule(value) and not callable(value):
        return "table of names"
    text = " ".join(inspect.getdoc(value).split("\n\n")[0].split())
    sentence = re.match(r".*?[^.][.](?= [A-Z:]|$)", text)
    text = sentence[0] if sentence else text
    text = re.sub(r":\w+:`(.*?)`", r"`\1`", text).replace("``", "`")
    return text.replace("|", "\\|")


def public(module):
    """Public names of a module: its ``__all__``, else the functions that it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__, key=str.lower)
    return sorted(
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    )


def page():
    """The page's text."""
    parts = [HEAD]
    for title, (path, how) in SECTIONS.items():
        module = import_module(path)
        rows = [
            f"| `{call_of(name, getattr(module, name))}` | {first_words(getattr(module, name))} |"
            for name in public(module)
        ]
        parts.append("\n".join([f"## {title}\n", *([f"{how}\n"] if how else [])]))
        parts.append("\n".join(["| name | |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page())
