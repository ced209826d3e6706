"""The `ipcm` command: parses the command line, runs a verb, shows its result.

Only what `main` needs to answer Ctrl-C properly is imported here; the rest follows within.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ipcm._os.interrupt import Interrupted, deferred, interruptible

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; None for those of the process, which then has
            nothing else to do.

    Returns:
        The exit code; see `ipcm.console.exits`.
    """
    try:
        # An exception that comes in the middle of an import may be lost: the interpreter only
        # reports those of callbacks of its own.
        with interruptible(), deferred():
            from ipcm.console.command_line import run_command

        if arguments is None:
            return run_command(sys.argv[1:], last=True)
        return run_command(list(arguments))
    except Interrupted as interrupt:
        return 128 + interrupt.signal
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
