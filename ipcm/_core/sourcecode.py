"""What a piece of Python source binds, and what it uses without having it."""

from __future__ import annotations

import ast
import builtins
import symtable
from dataclasses import dataclass

__all__ = ["SourceNames", "read_names"]

_OF_EVERY_MODULE = frozenset(
    ("__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__loader__", "__package__")
)
_OF_EVERY_CLASS = frozenset(("__class__", "__qualname__", "__module__"))


@dataclass(frozen=True, slots=True)
class SourceNames:
    """The names of a source text.

    Attributes:
        bound: those that its top level binds.
        functions: those of them that are functions.
        missing: those that it uses, and that are neither bound nor builtin; sorted. Empty
            where `import *` makes it impossible to know.
    """

    bound: frozenset[str]
    functions: tuple[str, ...]
    missing: tuple[str, ...]


def read_names(source: str, filename: str = "<source>") -> SourceNames:
    """Reads the names without running anything.

    Raises:
        SyntaxError: it is no Python.
    """
    top = symtable.symtable(source, filename, "exec")
    bound, used = set[str](), set[str]()
    _walk(top, bound, used)
    tree = ast.parse(source)
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = tuple(node.name for node in tree.body if isinstance(node, defined))
    if _imports_all(tree):
        return SourceNames(frozenset(bound), functions, ())
    known = bound | set(dir(builtins)) | _OF_EVERY_MODULE
    return SourceNames(frozenset(bound), functions, tuple(sorted(used - known)))


def _walk(table: symtable.SymbolTable, bound: set[str], used: set[str]) -> None:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        binds = symbol.is_assigned() or symbol.is_imported()
        # A function binds a global only if it says so.
        if binds and (top or symbol.is_declared_global()):
            bound.add(name)
        if symbol.is_referenced() and symbol.is_global():
            used.add(name)
    if table.get_type() == "class":
        used -= _OF_EVERY_CLASS
    for child in table.get_children():
        _walk(child, bound, used)


def _imports_all(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        for node in ast.walk(tree)
    )
