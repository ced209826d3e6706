"""Finding somebody's own class by `module:Class`."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from types import ModuleType

from ipcm.errors import ServiceStartError, UsageError
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_error, format_traceback

__all__ = ["load_service_class"]


def load_service_class(where: str) -> type[ServiceRole]:
    """The class; the current directory is looked in first, as `python -m` does.

    Raises:
        UsageError: there is no such module or class, or it is no service; says what was found.
        ServiceStartError: the module raised while it was imported; with the traceback.
    """
    module_name, colon, path = where.partition(":")
    if not colon or not module_name or not path:
        raise UsageError(f"{where!r} is not MODULE:CLASS, such as mypackage.store:Store")
    module = _import(module_name)
    found: object = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{module_name} has no {path!r}{_advice(module, path)}")
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, ServiceRole)):
        raise UsageError(f"{where} is no class of services{_advice(module, path)}")
    return found


def _import(name: str) -> ModuleType:
    if not _is_dotted(name):
        raise UsageError(f"{name!r} is no name of a module{_from_path(name)}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # What the module itself imports may be missing, too: that is another matter.
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                f"there is no module {error.name!r} in {here} or on sys.path{_from_path(name)}"
            ) from None
        raise _import_error(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_error(name, error) from error


def _is_dotted(name: str) -> bool:
    return "/" not in name and all(name.split("."))


def _from_path(path: str) -> str:
    """Advice for who gave the file of a module."""
    name = path.removeprefix("./").removesuffix(".py").replace("/", ".")
    return f": did you mean {name}?" if name != path and _is_dotted(name) else ""


def _import_error(name: str, error: BaseException) -> ServiceStartError:
    text = f"importing {name} failed: {format_error(error)}"
    return ServiceStartError(name, text, format_traceback(error))


def _advice(module: ModuleType, wanted: str) -> str:
    """Which services the module has, those that it defines itself."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, ServiceRole)
        and value.__module__ == module.__name__
    ]
    if not names:
        return ", and defines no service"
    near = difflib.get_close_matches(wanted, names, 1)
    return f": did you mean {near[0]}?" if near else f"; its services: {', '.join(names)}"
