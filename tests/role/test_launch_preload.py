"""`start="launcher"`: modules are imported once for many services."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ipcm import ServiceDied
from ipcm.role.launcher import cool, launcher_pid, warm
from tests.helpers import wait_until
from tests.role.arrivals import Importing
from tests.role.launching import launched


class TestPreload:
    """Modules that a service has needed are in the launcher when the next one starts."""

    TEXT = """
        import os, pathlib
        from tests.role.arrivals import Where
        with open(os.environ["IPCM_TEST_LOG"], "a") as log:
            log.write(f"{os.getpid()}\\n")
        class Here(Where):
            version = VERSION
            def handle_request(self, request, message):
                return [self.version, os.getpid()]
    """

    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        log = tmp_path / "log"
        monkeypatch.setenv("IPCM_TEST_LOG", str(log))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return log

    def write(self, log: Path, version: int) -> Any:
        import importlib

        text = textwrap.dedent(self.TEXT).replace("VERSION", str(version))
        (log.parent / "preloaded_module.py").write_text(text + "#" * version)
        sys.modules.pop("preloaded_module", None)
        importlib.invalidate_caches()
        return importlib.import_module("preloaded_module").Here

    def importers(self, log: Path) -> list[int]:
        return [int(pid) for pid in log.read_text().split()]

    def test_a_module_is_imported_once_and_again_when_it_changed(self, log: Path) -> None:
        here = self.write(log, 1)
        try:
            warm()
            pid = launcher_pid()
            with launched("first", here) as first:
                assert first.request(0) == [1, first.child_pid]
                wait_until(lambda: pid in self.importers(log))
                assert self.importers(log) == [os.getpid(), first.child_pid, pid]
                with launched("second", here, bus=first.bus) as second:
                    assert second.request(0) == [1, second.child_pid]
                assert len(self.importers(log)) == 3
                changed = self.write(log, 2)
                with launched("third", changed, bus=first.bus) as third:
                    assert third.request(0) == [2, third.child_pid]
                    assert third.child_pid in self.importers(log)
                assert launcher_pid() == pid
                # It began anew, and still is its children's parent.
                os.kill(first.child_pid, signal.SIGKILL)
                with pytest.raises(ServiceDied, match="signal 9"):
                    first.wait(5)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()

    def test_other_surroundings_have_it_imported_again(
        self, log: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = self.write(log, 1)
        try:
            warm()
            pid = launcher_pid()
            with launched("first", here) as first:
                wait_until(lambda: pid in self.importers(log))
                monkeypatch.setenv("IPCM_TEST_OTHER", "1")
                with launched("second", here, bus=first.bus) as second:
                    assert second.child_pid in self.importers(log)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()

    def test_one_that_starts_threads_never_gets_into_it(self, log: Path) -> None:
        here = self.write(log, 1)
        with open(log.parent / "preloaded_module.py", "a") as file:
            file.write(
                "\nimport threading\n"
                "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
            )
        try:
            warm()
            pid = launcher_pid()
            for _ in range(2):
                with launched("first", here) as first:
                    assert first.child_pid in self.importers(log)
            assert pid not in self.importers(log)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()


def test_what_every_service_needs_is_in_the_launcher_before_it_is_asked(warmed: int) -> None:
    with launched("importing", Importing) as handle:
        assert handle.request(0) == []
