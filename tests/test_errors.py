"""The errors as values."""

from __future__ import annotations

import copy
import pickle

import pytest

from ipcm import (
    IPCMError,
    NoSuchPeer,
    RemoteError,
    RequestTimeout,
    ServiceDied,
    ServiceNameTaken,
    WrongProcess,
)


@pytest.mark.parametrize(
    "error",
    [
        NoSuchPeer("store", ["probe"]),
        RequestTimeout("store", 0.5),
        RemoteError("store", "no"),
        ServiceDied("store", "it died", "Traceback ...", exit=-9),
        ServiceNameTaken("store", "it is taken", "Traceback ...", 7),
        WrongProcess("the client", 1, 2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_they_go_from_process_to_process(error: IPCMError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)
