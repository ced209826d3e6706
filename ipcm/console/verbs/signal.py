"""`signal`: have a service signal itself."""

from __future__ import annotations

import contextlib
import time
from signal import Signals

from ipcm.console.checks import check_signal
from ipcm.console.completion import complete_service, complete_signal
from ipcm.console.payload import parse_signal_word
from ipcm.console.results import Table
from ipcm.console.targets import TARGET_COLUMNS, TargetRow, choose
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import PeerGone, RequestTimeout

__all__ = ["VERB"]

_PATIENCE = 1.0
_STOPPING = (Signals.SIGSTOP, Signals.SIGTSTP, Signals.SIGTTIN, Signals.SIGTTOU)


def run(context: Context, service: str, signal: str) -> Table[TargetRow]:
    """See `VERB`."""
    number = parse_signal_word(signal)
    with context.find_bus().observe(read_only=False, messages=False) as observer:
        (peer,), _ = choose(observer, [service], False)
        asked = time.monotonic()
        done = number.name
        with contextlib.ExitStack() as expected:
            if number in _STOPPING:
                expected.enter_context(contextlib.suppress(RequestTimeout))
            try:
                observer.signal(service, number, context.timeout or _PATIENCE)
            except PeerGone:
                done = f"{number.name}, and ended"
    row = TargetRow(name=peer.name, pid=peer.pid, done=done, seconds=time.monotonic() - asked)
    return Table(TargetRow, [row], TARGET_COLUMNS)


VERB = Verb(
    name="signal",
    summary="Send a signal to a service",
    group="Act",
    run=run,
    result=TargetRow,
    arguments=(
        Argument("service", "The service.", complete=complete_service),
        Argument("signal", "HUP, SIGHUP, or 1.", complete=complete_signal),
    ),
    doc=(
        "The signal travels over the bus, and the service sends it to itself: it reaches no "
        "process that has the pid by accident."
    ),
    examples=(("probe HUP", "SIGHUP to the service `probe`"),),
    timeout=_PATIENCE,
    check=check_signal,
)
