"""What can be awaited, or entered with `async with`, or both."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, Protocol, Self, TypeVar

__all__ = ["Opening"]


class Closable(Protocol):
    """Something that a block closes at its end."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...


T = TypeVar("T", bound=Closable)


class Opening(Generic[T]):
    """`await it` opens; `async with it as opened` closes at the end of the block, too."""

    def __init__(self, opening: Coroutine[Any, Any, T]) -> None:
        self._opening = opening
        self._opened: T | None = None

    def __await__(self) -> Generator[Any, Any, T]:
        return self._opening.__await__()

    async def __aenter__(self) -> T:
        self._opened = await self._opening
        return await self._opened.__aenter__()

    async def __aexit__(self, *raised: object) -> None:
        assert self._opened is not None
        await self._opened.__aexit__(*raised)
