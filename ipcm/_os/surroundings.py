"""What a process stands in: import path, directory, environment, and the program it runs."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import types
from typing import Any, Final, NamedTuple, Self

__all__ = ["Surroundings"]

_OF_MAIN: Final = ("__file__", "__package__", "__doc__")


class Surroundings(NamedTuple):
    """Taken in one process and put on in another, so that it imports and finds the same.

    Attributes:
        path: sys.path. directory: the current one; None where it was removed.
        environment: as bytes. arguments: sys.argv.
        main: what the module `__main__` says of itself.
    """

    path: list[str]
    directory: str | None
    environment: dict[bytes, bytes]
    arguments: list[str]
    main: dict[str, Any]

    @classmethod
    def take(cls) -> Self:
        """The surroundings of this process."""
        directory = None
        with contextlib.suppress(FileNotFoundError):
            directory = os.getcwd()
        main = vars(sys.modules["__main__"])
        return cls(
            path=[str(place) for place in sys.path],
            directory=directory,
            environment=dict(os.environb),
            arguments=[str(argument) for argument in getattr(sys, "argv", [])],
            main={name: str(main[name]) for name in _OF_MAIN if main.get(name) is not None},
        )

    def pack(self) -> bytes:
        """As bytes, the same for the same surroundings."""
        return pickle.dumps(tuple(self), pickle.HIGHEST_PROTOCOL)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The surroundings that this process has packed, or one that started it."""
        return cls(*pickle.loads(packed))

    def put_on(self) -> None:
        """From now on they are those of this process.

        `__main__` becomes a module without the program's names: running the program another time
        would do another time what it does.
        """
        sys.path[:] = self.path
        sys.argv[:] = self.arguments
        if dict(os.environb) != self.environment:
            os.environb.clear()
            os.environb.update(self.environment)
        if self.directory is not None:
            with contextlib.suppress(OSError):  # removed, or closed to us, this instant
                os.chdir(self.directory)
        main = types.ModuleType("__main__")
        vars(main).update(self.main)
        sys.modules["__main__"] = main
