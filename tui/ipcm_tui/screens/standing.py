"""Whether a screen still has what it draws on."""

from typing import Any

from textual.screen import Screen

__all__ = ["stands"]


def stands(screen: Screen[Any]) -> bool:
    """Whether a screen's widgets can be asked.

    The widgets of a screen go before the screen does, and before its timers and workers: when
    the program ends, or one leaves the screen, a tick may come between.

    Args:
        screen: the screen that somebody is about to draw.

    Returns:
        False before it is mounted, once it was left, and while the program ends.
    """
    app = screen.app
    return app.is_running and screen.is_mounted and screen in app.screen_stack
