"""Resource limits."""

from __future__ import annotations

import resource

from ipcm._os.limits import raise_file_limit

from .processes import in_child


def test_the_soft_limit_becomes_the_hard_one() -> None:
    def check() -> list[int]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
        return [raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]

    assert in_child(check) == [512, 512, 512]


def test_what_is_at_its_hard_limit_stays() -> None:
    def check() -> list[int]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        return [raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]

    assert in_child(check) == [128, 128, 128]


def test_a_refusal_of_the_kernel_leaves_it_as_it_was() -> None:
    def check() -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))

        def refuse(*_: object) -> None:
            raise ValueError("not allowed to raise maximum limit")

        resource.setrlimit = refuse
        return raise_file_limit()

    assert in_child(check) == 64
