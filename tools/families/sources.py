"""Reads the modelling files of transformers without running them.

    configuration class  ->  the model classes that take it  ->  all classes and functions that
    these reach, through names, imports and bases  ->  their code, without comments and docstrings

The trap: a word in a comment or a copied docstring. What is searched is the syntax tree, printed
again, and only of what the model reaches.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import transformers

ROOT = Path(transformers.__file__).parent / "models"
CONFIG = re.compile(r"\w*Config$")
SKIPPED = re.compile(
    r"PreTrainedModel$|^GradientCheckpointingLayer$|Output$"
)  # name, reach nothing


@dataclass
class Module:
    """One modelling file: its top-level classes and functions, and where other names come from."""

    path: Path
    nodes: dict[str, ast.AST] = field(default_factory=dict)
    imported: dict[str, tuple[Path, str]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def _without_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        kept = [
            one
            for one in body
            if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        ]
        node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All of a class or function, without the table that says which classes' outputs to record."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "_can_record_outputs":
            continue
        yield one
        yield from _walk(one)


@cache
def module(path: Path) -> Module:
    """The modelling file at `path`, parsed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    _without_docstrings(tree)
    found = Module(path)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parent
            for _ in range(node.level - 1):
                base = base.parent
            target = base / ((node.module or "").replace(".", "/") + ".py")
            if target.exists() and target.name.startswith("modeling_") and target.parent != ROOT:
                for one in node.names:
                    found.imported[one.asname or one.name] = (target, one.name)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.nodes[node.name] = node
    for name, node in found.nodes.items():
        found.names[name] = {one.id for one in _walk(node) if isinstance(one, ast.Name)}
        found.texts[name] = ast.unparse(node)
    # tables of classes, such as BLOCKS = {"s4": S4Block}, are reached through their name
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            reached = {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
            if reached & set(found.nodes):
                found.nodes[name], found.names[name] = node, reached
                found.texts[name] = ""
    return found


def folder_of(cls: type) -> str:
    """The folder of models in which a class stands."""
    return cls.__module__.split(".")[2]


def modelling_files(folder: str) -> list[Path]:
    """The modelling files of a folder of models."""
    return sorted((ROOT / folder).glob("modeling_*.py"))


def _config_of(node: ast.ClassDef, classes: dict[str, ast.AST]) -> list[str]:
    """The configuration class that a class says it takes, if it says one."""
    for one in node.body:  # config: LlamaConfig, or config_class = LlamaConfig
        if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) in ("config", "config_class"):
            return re.findall(r"\w*Config\b", ast.unparse(one.annotation))
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "config_class":
            return re.findall(r"\w*Config\b", ast.unparse(one.value))
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            for argument in one.args.args:
                if argument.annotation is not None:
                    found = re.findall(r"\w*Config\b", ast.unparse(argument.annotation))
                    if found:
                        return found
    for base in node.bases:
        name = ast.unparse(base)
        if isinstance(classes.get(name), ast.ClassDef):
            return _config_of(classes[name], classes)  # type: ignore[arg-type]
    return []


def _is_model(node: ast.AST, classes: dict[str, ast.AST], imported: set[str]) -> bool:
    """Whether a class of a modelling file is a whole model, with weights to load."""
    if not isinstance(node, ast.ClassDef):
        return False
    for base in node.bases:
        name = ast.unparse(base)
        if name == "PreTrainedModel" or name.endswith("PreTrainedModel"):
            return True
        if name in classes and _is_model(classes[name], classes, imported):
            return True
        if name in imported and re.search(r"Model$|For[A-Z]\w+$", name):
            return True
    return False


@cache
def takers(folder: str) -> dict[str, list[tuple[Path, str, bool]]]:
    """Configuration class -> the classes of the folder that take it: file, name, a whole model."""
    found: dict[str, list[tuple[Path, str, bool]]] = {}
    for path in modelling_files(folder):
        here = module(path)
        for name, node in here.nodes.items():
            if isinstance(node, ast.ClassDef):
                whole = _is_model(node, here.nodes, set(here.imported))
                if whole and name.endswith("PreTrainedModel"):
                    continue  # a base, with nothing of its own
                for config in _config_of(node, here.nodes):
                    found.setdefault(config, []).append((path, name, whole))
    return found


def reached(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """All classes and functions that `name` of the file reaches, itself first."""
    seen, waiting = set(), [(path, name)]
    while waiting:
        here = waiting.pop()
        if here in seen or SKIPPED.search(here[1]):
            continue
        seen.add(here)
        file = module(here[0])
        if here[1] not in file.nodes:
            if here[1] in file.imported:
                waiting.append(file.imported[here[1]])
            continue
        yield here
        for other in file.names[here[1]]:
            if other in file.nodes or other in file.imported:
                waiting.append((here[0], other))


def code_of(path: Path, name: str) -> str:
    """The code that `name` of the file reaches, without comments."""
    return "\n".join(module(file).texts[one] for file, one in reached(path, name))
