"""`%ipcm` in IPython and notebooks: `%load_ext ipcm`.

magic.py        the magic itself: parses, runs, shows
parsing.py      its line, by the grammar of all surfaces
verbs.py        the verbs that only a notebook has, and what it adds to the others
session.py      what is current: the bus, the services of cells, the views that are live
services.py     services that cells define
asking.py       requests: their bodies, and answers that nobody waits for
watching.py     the live view
background.py   what goes on beside the cells: on the kernel's loop, or in a thread
output.py       results as display data, or as text on a terminal
failing.py      errors as short messages
completing.py   completion of lines, and of bodies under them
help.py         what `%ipcm?` and `%ipcm VERB?` say
"""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext ipcm` calls."""
    from ipcm.magics.magic import install

    install(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext ipcm` calls: ends what cells have started."""
    from ipcm.magics.magic import uninstall

    uninstall(shell)
