"""What can be awaited, or entered with `async with`, or both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Opening"]

T = TypeVar("T")


class Opening(Generic[T]):
    """`await it` opens; `async with it as opened` closes at the end of the block, too.

    Args:
        opening: what is opened. close: what is awaited at the end of the block.
    """

    def __init__(
        self, opening: Coroutine[Any, Any, T], close: Callable[[T], Awaitable[object]]
    ) -> None:
        self._opening = opening
        self._close = close
        self._opened: T

    def __await__(self) -> Generator[Any, Any, T]:
        return self._opening.__await__()

    async def __aenter__(self) -> T:
        self._opened = await self._opening
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        await self._close(self._opened)
