"""`python -m tests [ARGUMENTS]`: the test suite, in some runs of pytest that share it.

The arguments are pytest's; with `-k`, `-m` or paths it is the same tests as with pytest alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile

from tests.sharing import CLAIMS

MOST = 3
"""Many more would test how ipcm does on a machine that is short of processors."""

SPARE = 1
"""Runs more than there are processors: a quarter of the time each waits for what it started."""

NOTHING_RAN = 5


def end(run: subprocess.Popen[bytes]) -> None:
    """Ends what still runs; where nothing does, nothing."""
    if run.poll() is None:
        run.terminate()
        run.wait()


def main(arguments: list[str]) -> int:
    """Runs them, shows one after the other, and returns the worst exit code."""
    runs = min(MOST, (os.cpu_count() or 1) + SPARE)
    with (
        tempfile.TemporaryDirectory(prefix="ipcm-tests-", ignore_cleanup_errors=True) as place,
        contextlib.ExitStack() as files,
    ):
        # What one of all the processes has compiled no other one has to compile again, also where
        # bytecode is not to be written beside the sources.
        environment = {**os.environ, CLAIMS: place, "PYTHONPYCACHEPREFIX": f"{place}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        started = []
        for number in range(runs):
            # A terminal shows the first as it goes; the others follow when they have ended.
            output = None if number == 0 else files.enter_context(tempfile.TemporaryFile())
            command = [sys.executable, "-m", "pytest", "-p", "tests.sharing", *arguments]
            command += ["-p", "no:cacheprovider"] if number else []
            error = None if output is None else subprocess.STDOUT
            run = subprocess.Popen(command, env=environment, stdout=output, stderr=error)
            files.callback(end, run)
            started.append((run, output))
        codes = []
        for run, output in started:
            try:
                codes.append(run.wait())
            except KeyboardInterrupt:
                codes.append(run.wait())  # it got the signal too
            if output is not None:
                output.seek(0)
                sys.stdout.write(output.read().decode(errors="replace"))
    worst = [code for code in codes if code not in (0, NOTHING_RAN)]
    return worst[0] if worst else min(codes)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without the other run
    sys.exit(main(sys.argv[1:]))
