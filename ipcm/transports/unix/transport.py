"""The `unix` transport: makes, finds, joins and ends buses that are private directories."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ipcm._core.businfo import BusInfo
from ipcm._core.names import file_name
from ipcm._core.registry import Answer, Detach, End, Listing, ListPeers, PeerInfo, PeerKind
from ipcm._core.registry import Terminate as TerminateWord
from ipcm._os.process import identify
from ipcm._os.spawn import end_helper, reap
from ipcm.errors import BusError, BusGone, InsecureDirectory, NameTaken
from ipcm.serializers import get_serializer
from ipcm.transports.base import BusRecord, Capabilities, Transport
from ipcm.transports.runtime import check_private, home, homes
from ipcm.transports.unix.keeper import start_registrar
from ipcm.transports.unix.port import UnixPort
from ipcm.transports.unix.presence import PresenceLink, reach
from ipcm.transports.unix.route import Record, Route, remove_directory

__all__ = ["UnixTransport"]

_VERSION: Final = 1
_YOUNG: Final = 5.0


class UnixTransport(Transport):
    """See `Transport`."""

    name = "unix"
    capabilities = Capabilities(processes=True, discovery=True, suspend=False)

    def create(self, name: str, serializer: str, guard: bool) -> BusRecord:
        """See `Transport.create`."""
        path = home() / name
        try:
            self._make_directory(path)
        except OSError as error:
            raise BusError(f"the directory {path} cannot be made: {error.strerror}") from error
        with contextlib.ExitStack() as undo:
            undo.callback(remove_directory, path)
            try:
                with Route(str(path)) as route:
                    record = self._furnish(route, name, serializer, guard, undo)
            except OSError as error:
                raise BusError(f"the bus at {path} cannot be made: {error.strerror}") from error
            undo.pop_all()
        return record

    def _make_directory(self, path: Path) -> None:
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if path.is_symlink():
                raise InsecureDirectory(str(path), "it is a symbolic link") from None
            self._sweep(path)
            if path.exists():
                check_private(path)  # else it is no bus at all
                pid = None
                with contextlib.suppress(BusError), Route(str(path)) as route:
                    pid = route.record().bus.owner_pid
                raise NameTaken(path.name, pid, "bus") from None
            path.mkdir(mode=0o700)

    def _furnish(
        self, route: Route, name: str, serializer: str, guard: bool, undo: contextlib.ExitStack
    ) -> BusRecord:
        lock = route.lock()
        if lock is None:
            raise NameTaken(name, None, "bus")
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, lock)
            for folder in ("p", "log"):
                (route.path / folder).mkdir(mode=0o700)
            listener = stack.enter_context(route.listen(route.address("r")))
            owner = identify()
            keeper = start_registrar(route, listener, lock, owner if guard else None)
            undo.callback(end_helper, keeper)
            info = BusInfo(self.name, serializer, str(route.path))
            bus = BusRecord(name, info, owner.pid, time.time(), guard, keeper)
            route.write_record(Record(_VERSION, bus, owner.start, secrets.token_bytes(32)))
        return bus

    def look(self, info: BusInfo) -> BusRecord:
        """See `Transport.look`."""
        with Route(info.route) as route:
            record = route.record().bus
            reach(route).close()
            return record

    def discover(self) -> list[BusRecord]:
        """See `Transport.discover`."""
        found = []
        for path in self._candidates():
            try:
                found.append(self.look(BusInfo(self.name, "", str(path))))
            except BusGone:
                self._sweep(path)
            except InsecureDirectory:
                continue
        return sorted(found, key=lambda record: record.started)

    def _candidates(self) -> Iterator[Path]:
        for place in homes():
            try:
                check_private(place)
                yield from sorted(path for path in place.iterdir() if path.is_dir())
            except (FileNotFoundError, InsecureDirectory):
                continue

    def _sweep(self, path: Path) -> None:
        """Removes what a dead bus has left, and nothing that may still live."""
        try:
            with Route(str(path)) as route:
                lock = route.lock()
                if lock is None:
                    return
                try:
                    made = (path / "bus.json").exists()
                    if not made and time.time() - path.stat().st_mtime < _YOUNG:
                        return
                    if not route.anybody():
                        route.remove()
                finally:
                    os.close(lock)
        except (BusGone, InsecureDirectory, FileNotFoundError):
            return

    def join(
        self, info: BusInfo, name: str, kind: PeerKind, *, read_only: bool = False
    ) -> UnixPort:
        """See `Transport.join`."""
        serializer = get_serializer(info.serializer)
        route = Route(info.route)
        try:
            incarnation = os.urandom(16).hex()
            return UnixPort(route, name, incarnation, kind, serializer, read_only=read_only)
        except BaseException:
            route.close()
            raise

    def output_path(self, info: BusInfo, name: str) -> str:
        """See `Transport.output_path`."""
        return str(Path(info.route) / "log" / file_name(name))

    def output_names(self, info: BusInfo) -> list[str]:
        """See `Transport.output_names`; what is too long or strange for a file name is left out."""
        try:
            names = sorted(path.name for path in (Path(info.route) / "log").iterdir())
        except FileNotFoundError:
            return []
        return [name for name in names if file_name(name) == name]

    def presence(self, info: BusInfo) -> list[PeerInfo]:
        """See `Transport.presence`."""
        with self._visit(info) as visit:
            return visit.ask(ListPeers(visit.next_seq()), Listing).peers

    def terminate(self, info: BusInfo) -> None:
        """See `Transport.terminate`."""
        with self._visit(info) as visit:
            visit.tell(TerminateWord())
            # The answer to a question behind it tells that the word was read.
            visit.ask(ListPeers(visit.next_seq()), Listing)

    def detach(self, info: BusInfo) -> None:
        """See `Transport.detach`."""
        with self._visit(info) as visit:
            visit.ask(Detach(visit.next_seq()), Answer)

    def end(self, record: BusRecord, grace: float) -> None:
        """See `Transport.end`."""
        try:
            with self._visit(record.info) as visit:
                visit.ask(End(visit.next_seq(), grace), Answer)
                visit.wait_end(grace + 5.0)
        except BusGone:
            self._sweep(Path(record.info.route))
        if record.keeper_pid is not None and record.owner_pid == os.getpid():
            reap(record.keeper_pid, 5.0)
        # Removed by the registrar; what it could not (it was killed) is removed here.
        if os.path.exists(record.info.route):
            self._sweep(Path(record.info.route))

    @contextlib.contextmanager
    def _visit(self, info: BusInfo) -> Iterator[PresenceLink]:
        with Route(info.route) as route, contextlib.closing(reach(route)) as visit:
            yield visit
