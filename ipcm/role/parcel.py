"""A service on its way into another process: its class and parameters, as bytes for our own child.

Pickle, because a class and its parameters are any Python object. It goes through an anonymous
file to a process that we started ourselves, and never over a bus.
"""

from __future__ import annotations

import functools
import io
import operator
import pickle
import sys
import types
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from ipcm._os.process import ProcessIdentity
from ipcm.errors import ServiceStartError
from ipcm.role.culprit import find_culprit

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["Parcel"]

_MAIN: Final = "the names of __main__"
_Cached: Final = functools._lru_cache_wrapper


class Parcel(NamedTuple):
    """What makes a service.

    Attributes:
        name: of the service. maker: its class, or what else makes it.
        params: for the maker, the name and the bus's info too.
        identities: of the processes that it may have to watch, as they are now.
    """

    name: str
    maker: Callable[..., ServiceRole]
    params: dict[str, Any]
    identities: dict[int, ProcessIdentity]

    def pack(self, *, by_value: bool) -> bytes:
        """Packs it.

        Args:
            by_value: what cannot be imported travels as code and values (cloudpickle); else it
                cannot travel.

        Raises:
            ServiceStartError: names what cannot travel.
        """
        try:
            return _references(self)
        except Exception as error:
            if not by_value:
                raise self._refusal(_references, error, "exec") from error
            return self._pack_values()

    def _pack_values(self) -> bytes:
        try:
            import cloudpickle  # type: ignore[import-untyped]
        except ImportError as error:
            raise ServiceStartError(
                self.name,
                f"{self.name!r} is made of what cannot be imported elsewhere, and for this to "
                "travel cloudpickle is missing: pip install 'ipcm[notebook]', or decide for "
                'yourself with start="fork"',
            ) from error
        del cloudpickle
        try:
            return _values(self)
        except Exception as error:
            raise self._refusal(_values, error, "launcher") from error

    def _refusal(
        self, pack: Callable[[Any], bytes], error: Exception, mode: str
    ) -> ServiceStartError:
        named: dict[str, Any] = {**self.params, "the class": self.maker}
        what = find_culprit(named, pack, into_code=mode != "exec")
        does = "import" if mode == "exec" else "be given"
        other = 'start="launcher" or ' if mode == "exec" else ""
        return ServiceStartError(
            self.name,
            f"{self.name!r} cannot start with start={mode!r}: its process cannot {does} "
            f'{what}: {error}. Leave it out, move it into a module, or use {other}start="fork"',
        )

    @staticmethod
    def unpack(file: IO[bytes]) -> Parcel:
        """In the new process, in the surroundings of the one that packed it.

        Raises:
            Exception: whatever an import raises.
        """
        parcel = _Unpickler(file).load()
        assert isinstance(parcel, Parcel)
        maker = parcel.maker
        if getattr(maker, "__module__", None) == "__main__" and isinstance(maker, type):
            setattr(sys.modules["__main__"], maker.__name__, maker)
        return parcel


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        """What travelled of `__main__` is at home in the new process's `__main__`."""
        assert pid == _MAIN
        return vars(sys.modules["__main__"])


class _ReferencePickler(pickle.Pickler):
    """Refuses what a fresh interpreter would not find."""

    def reducer_override(self, obj: Any) -> Any:
        if (
            isinstance(obj, type | types.FunctionType | _Cached)
            and getattr(obj, "__module__", None) == "__main__"
        ):
            raise pickle.PicklingError(f"{obj.__qualname__} is defined in the program itself")
        return NotImplemented


def _references(thing: Any) -> bytes:
    file = io.BytesIO()
    _ReferencePickler(file, pickle.HIGHEST_PROTOCOL).dump(thing)
    return file.getvalue()


def _values(thing: Any) -> bytes:
    import cloudpickle

    # Functions of __main__ would get an empty module each for their names. Its Pickler notes here
    # which names of a module have a stand-in; ours is told apart, and put in place at the other
    # end.
    stand_in = {"__name__": "__main__"}

    class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> str | None:
            return _MAIN if obj is stand_in else None

        def reducer_override(self, obj: Any) -> Any:
            # They say of themselves that they are imported by name, which cloudpickle believes.
            if isinstance(obj, _Cached) and not _is_imported(obj):
                return _cache, (obj.__wrapped__, obj.cache_parameters())
            return super().reducer_override(obj)

    file = io.BytesIO()
    pickler = ValuePickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.globals_ref[id(vars(sys.modules["__main__"]))] = stand_in
    pickler.dump(thing)
    return file.getvalue()


def _is_imported(function: Any) -> bool:
    if function.__module__ == "__main__":
        return False
    try:
        found = operator.attrgetter(function.__qualname__)(sys.modules.get(function.__module__))
    except AttributeError:
        return False
    return found is function


def _cache(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """One that remembers its results, with none as yet."""
    return functools.lru_cache(**parameters)(function)
