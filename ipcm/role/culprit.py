"""Finding, in what cannot be packed, the object that is to blame, and naming it."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["find_culprit"]

_DEEPEST: Final = 6
_CODE: Final = (type, types.FunctionType, functools._lru_cache_wrapper)


def find_culprit(
    named: Mapping[str, Any], pack: Callable[[Any], object], *, into_code: bool
) -> str:
    """Names the innermost object that cannot be packed.

    Args:
        named: what was to be packed, by what people call it.
        pack: raises where it cannot pack something.
        into_code: whether functions and classes are packed with what is in them.

    Returns:
        A phrase like `handle_request (<function f>), in it the name 'lock' (<lock>)`.
    """
    for name, value in named.items():
        if not _packs(value, pack):
            return _describe(name, value, pack, into_code, frozenset(), 0)
    return "it"


def _describe(
    name: str,
    value: Any,
    pack: Callable[[Any], object],
    into_code: bool,
    above: frozenset[int],
    depth: int,
) -> str:
    here = f"{name} ({_short(value)})"
    above |= {id(value)}
    if depth < _DEEPEST and (into_code or not isinstance(value, _CODE)):
        for inner, part in _parts(value):
            if id(part) not in above and not _packs(part, pack):
                within = _describe(inner, part, pack, into_code, above, depth + 1)
                return f"{here}, in it {within}"
    return here


def _packs(value: Any, pack: Callable[[Any], object]) -> bool:
    try:
        pack(value)
    except Exception:  # noqa: BLE001 (that it does not is the answer)
        return False
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object is made of, under names that its author would know."""
    if isinstance(value, types.MethodType):
        yield "its object", value.__self__
        yield "its function", value.__func__
    elif isinstance(value, types.FunctionType):
        try:
            names = inspect.getclosurevars(value)
        except ValueError:  # a cell that is still empty
            return
        for name, part in {**names.nonlocals, **names.globals}.items():
            yield f"the name {name!r}", part
    elif isinstance(value, type):
        for name, part in vars(value).items():
            if isinstance(part, types.FunctionType) or not name.startswith(("__", "_abc_")):
                yield f"{value.__name__}.{name}", part
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield f"item {_short(name)}", part
    elif isinstance(value, list | tuple | set | frozenset):
        for at, part in enumerate(value):
            yield f"item {at}", part
    elif isinstance(state := getattr(value, "__dict__", None), dict):
        for name, part in state.items():
            yield f"its attribute {name!r}", part


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 (somebody's repr, for an error message)
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
