"""What a transport has to keep, as tests that run against any."""

from __future__ import annotations

import pkgutil

import pytest

# Before they are imported: their asserts tell as much as those of a test module.
pytest.register_assert_rewrite(
    *(module.name for module in pkgutil.iter_modules(__path__, __name__ + "."))
)

from ipcm.testing.contract.away import Away
from ipcm.testing.contract.contents import Contents
from ipcm.testing.contract.death import Death
from ipcm.testing.contract.ending import Ending
from ipcm.testing.contract.flow import Flow
from ipcm.testing.contract.messages import Messages
from ipcm.testing.contract.names import Names
from ipcm.testing.contract.presence import Presence
from ipcm.testing.contract.requests import Requests
from ipcm.testing.contract.services import Services

__all__ = ["TransportContract"]


class TransportContract(
    Messages, Contents, Flow, Requests, Names, Presence, Services, Away, Ending, Death
):
    """The promises of a bus, each one a test; needs pytest.

    Inherit, and name the transport; it is found through the registry, so that yours is tested
    as its users will use it. What its `Capabilities` leave out is skipped.

        class TestMine(TransportContract):
            transport = "mine"

    Attributes:
        transport: its name. serializers: those it is tested with, all by default.
    """
