"""`start="launcher"`: what goes there from the program that asks."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import ServiceStartError
from ipcm.role.launcher import launcher_pid
from tests.role.arrivals import Adder, Where
from tests.role.launching import launched


def run_program(text: str, tmp_path: Path) -> tuple[str, str]:
    """Runs a script as the main program: what it prints, and its stderr."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(text))
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr


class TestWhatTravels:
    def test_local_classes_closures_and_what_they_use(self) -> None:
        factor = 3

        class Local(Where):
            def handle_request(self, request: Any, message: Any) -> Any:
                return helper(request.payload)

        def helper(value: int) -> int:
            return value * factor

        with launched("local", Local) as handle:
            assert handle.request(2) == 6
        noted: list[int] = []
        with launched("lambda", handle_request=lambda s, r, m: noted.append(1) or noted) as handle:
            assert handle.request(0) == [1]
        assert noted == []

    def test_functions_that_remember_their_results(self) -> None:
        @functools.cache
        def fibonacci(n: int) -> int:
            return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

        fibonacci(9)

        class Numbers(ipcm.Service):
            @staticmethod
            @functools.lru_cache(maxsize=3)
            def double(n: int) -> int:
                return n * 2

            def handle_request(self, request: Any, message: Any) -> Any:
                kept = [fibonacci.cache_info().currsize, self.double.cache_info().maxsize]
                return [fibonacci(request.payload), self.double(request.payload), *kept]

        with launched("numbers", Numbers) as handle:
            assert handle.request(30) == [832040, 60, 0, 3]

    def test_a_lock_in_a_closure_is_named(self) -> None:
        lock = threading.Lock()

        def handle_request(service: Any, request: Any, message: Any) -> Any:
            return lock.locked()

        with pytest.raises(ServiceStartError, match="the name 'lock'") as failed:
            launched("lock", handle_request=handle_request)
        assert 'start="fork"' in str(failed.value)
        assert 'or start="launcher"' not in str(failed.value)
        assert ipcm.buses() == [] and launcher_pid() is None

    def test_the_parts_of_an_object_are_named(self) -> None:
        class Model:
            def __init__(self) -> None:
                self.weights = [1, threading.Lock()]

            def answer(self, service: Any, request: Any, message: Any) -> Any:
                return 1

        with pytest.raises(ServiceStartError, match=r"'weights' .*item 1"):
            launched("model", handle_request=Model().answer)

    def test_without_cloudpickle_it_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        with pytest.raises(ServiceStartError, match="cloudpickle is missing"):
            launched("lambda", handle_request=lambda s, r, m: 1)
        with launched("adder", Adder) as handle:
            assert handle.call("add", a=1) == 1

    def test_what_can_be_imported_needs_no_cloudpickle(self, tmp_path: Path) -> None:
        out, _ = run_program(
            """
            import sys, ipcm
            from tests.role.arrivals import Adder
            with ipcm.service("adder", Adder, start="launcher") as handle:
                print(handle.call("add", a=1), "cloudpickle" in sys.modules)
            """,
            tmp_path,
        )
        assert out == "1 False\n"

    def test_the_program_is_main_there_too(self, tmp_path: Path) -> None:
        out, err = run_program(
            """
            import functools, os, pickle, sys, threading, ipcm
            print("once", flush=True)
            end = threading.Event()
            threading.Thread(target=end.wait).start()
            factor = 2

            @functools.cache
            def same(value): return value

            class Row:
                def __init__(self, value): self.value = value

            def helper(value): return Row(same(value) * factor)

            class Mine(ipcm.Service):
                def handle_request(self, request, message):
                    global factor
                    factor += 1
                    import __main__
                    again = pickle.loads(pickle.dumps(helper(request.payload)))
                    mine = __main__.Mine is type(self) and isinstance(again, __main__.Row)
                    return [again.value, mine, __main__.__file__ == sys.argv[0], os.getcwd()]

            with ipcm.service("mine", Mine) as handle:
                print(handle.request(1) == [3, True, True, os.getcwd()])
                print(handle.request(1)[0], factor)
            end.set()
            """,
            tmp_path,
        )
        assert (out, err) == ("once\nTrue\n4 2\n", "")
