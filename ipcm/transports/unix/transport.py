"""The `unix` transport: makes, finds, joins and ends buses that are private directories."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from threading import get_ident
from typing import Final

from ipcm._core.businfo import BusInfo
from ipcm._core.names import file_name
from ipcm._core.presence import Answer, Detach, End, Listing, ListPeers, PeerInfo, PeerKind
from ipcm._core.presence import Terminate as TerminateWord
from ipcm._os.child import reap
from ipcm._os.helper import end_helper
from ipcm._os.process import ProcessIdentity, identify, send_signal
from ipcm._os.streams import fill_missing_descriptors
from ipcm.errors import BusError, BusGone, InsecureDirectory, NameTaken
from ipcm.serializers import get_serializer
from ipcm.transports.base import BusRecord, Capabilities, Transport
from ipcm.transports.runtime import check_private, home, homes
from ipcm.transports.unix.keeper import start_registrar
from ipcm.transports.unix.port import UnixPort
from ipcm.transports.unix.presence import PresenceLink, reach
from ipcm.transports.unix.route import (
    DRAFT,
    Record,
    Route,
    draft_maker,
    is_foreign,
    is_leftover,
    remove_directory,
)

__all__ = ["UnixTransport"]

_VERSION: Final = 1
_NO_PLACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT)
"""What says of the bus's directory that no socket can be made there."""

_LEAVING: Final = 2.0
_LOOK: Final = 0.01


class UnixTransport(Transport):
    """See `Transport`."""

    name = "unix"
    capabilities = Capabilities(processes=True, discovery=True, suspend=False)

    def create(self, name: str, serializer: str, guard: bool) -> BusRecord:
        """See `Transport.create`."""
        fill_missing_descriptors()
        path = home() / name
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as undo:
            try:
                maker = identify()
                draft = path.with_name(f"{DRAFT}{maker.pid}-{maker.start}-{secrets.token_hex(4)}")
                undo.callback(remove_directory, draft)
                draft.mkdir(mode=0o700)
                with Route(str(draft)) as making:
                    lock = making.lock()
                    assert lock is not None, "nobody else knows of it"
                stack.callback(os.close, lock)
                self._take_place(draft, path)
                undo.callback(remove_directory, path)
                with Route(str(path)) as route:
                    record = self._furnish(route, lock, name, serializer, guard, undo)
            except OSError as error:
                raise BusError(
                    f"the bus at {path} cannot be made: {error.strerror or error}"
                ) from error
            undo.pop_all()
        self._sweep_beside(path)
        return record

    def _sweep_beside(self, path: Path, pattern: str = "*") -> None:
        """Sweeps up other buses all of whose processes were killed at once.

        Each time a bus is made, for else nobody might: it takes a lock that a live bus holds.

        Args:
            pattern: of the names that are looked at.
        """
        with contextlib.suppress(OSError):  # no descriptors left, or a place that has gone
            for each in path.parent.glob(pattern):
                if each != path:
                    self._tidy(each)

    def _take_place(self, draft: Path, path: Path) -> None:
        """Gives a locked directory its name: whoever finds it there finds it locked."""
        deadline = time.monotonic() + _LEAVING
        while True:
            try:
                draft.rename(path)  # over one that is empty, too
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            if path.is_symlink():
                raise InsecureDirectory(str(path), "it is a symbolic link")
            self._sweep(path)
            if is_foreign(path):
                raise BusError(f"{path} is there, and is no bus")
            holder = self._end_of_the_dead(path)
            if path.exists() and (holder is not None or time.monotonic() >= deadline):
                raise NameTaken(path.name, holder, "bus")
            # One whose maker is not done yet, or was killed in the middle of it.
            select.poll().poll(_LOOK * 1000)

    def _end_of_the_dead(self, path: Path) -> int | None:
        """Ends a bus whose owner is dead, as it would itself in a moment; else its owner."""
        try:
            with Route(str(path)) as route:
                record = route.record()
        except BusGone:
            return None
        owner = ProcessIdentity(record.bus.owner_pid, record.owner_start)
        if not record.bus.guard or owner.alive():
            return owner.pid
        self.end(record.bus, 0.0)
        return None

    def _furnish(
        self,
        route: Route,
        lock: int,
        name: str,
        serializer: str,
        guard: bool,
        undo: contextlib.ExitStack,
    ) -> BusRecord:
        with contextlib.ExitStack() as stack:
            for folder in ("p", "log"):
                (route.path / folder).mkdir(mode=0o700)
            listener = stack.enter_context(route.listen(route.address("r")))
            owner = identify()
            keeper = start_registrar(route, listener, lock, owner if guard else None)
            undo.callback(end_helper, keeper)
            start = 0
            with contextlib.suppress(ProcessLookupError):  # it has died: the next to ask hears it
                start = identify(keeper).start
            info = BusInfo(self.name, serializer, str(route.path))
            bus = BusRecord(name, info, owner.pid, time.time(), guard, keeper, start)
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
                self._tidy(path)
            except InsecureDirectory:
                continue
        return sorted(found, key=lambda record: record.started)

    def _candidates(self) -> Iterator[Path]:
        for place in homes():
            try:
                check_private(place)
                yield from sorted(path for path in place.iterdir() if path.is_dir())
            except (OSError, InsecureDirectory):  # not there, or not ours to look into
                continue

    def _tidy(self, path: Path) -> None:
        """Sweeps where that can be done; what stays is found the next time."""
        with contextlib.suppress(OSError):  # no descriptors are left, or no changes are taken here
            self._sweep(path)

    def _sweep(self, path: Path) -> None:
        """Removes what a dead bus has left, and nothing that may still live, or is no bus."""
        if not is_leftover(path):
            return
        maker = draft_maker(path)
        if maker is not None:
            if not maker.alive():
                remove_directory(path)
            return
        try:
            with Route(str(path)) as route:
                lock = route.lock()
                if lock is None:
                    return
                try:
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
        fill_missing_descriptors()
        serializer = get_serializer(info.serializer)
        route = Route(info.route)
        try:
            incarnation = os.urandom(16).hex()
            return UnixPort(route, name, incarnation, kind, serializer, read_only=read_only)
        except BaseException as error:
            route.close()
            if isinstance(error, OSError) and error.errno in _NO_PLACE:
                error_type = BusGone if error.errno == errno.ENOENT else BusError
                text = f"{name!r} cannot join the bus at {info.route}: {error.strerror}"
                raise error_type(text) from error
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

    def detach(self, info: BusInfo, *, lingers: bool = False) -> None:
        """See `Transport.detach`."""
        with self._visit(info) as visit:
            visit.ask(Detach(visit.next_seq(), lingers), Answer)

    def end(self, record: BusRecord, grace: float) -> None:
        """See `Transport.end`."""
        path = Path(record.info.route)
        keeper = record.keeper_pid if record.owner_pid == os.getpid() else None
        try:
            with self._visit(record.info) as visit:
                visit.ask(End(visit.next_seq(), grace, get_ident()), Answer)
                visit.wait_end(grace + 5.0)
        except BusGone:
            self._tidy(path)
            if keeper is not None and not path.exists():
                # Somebody has removed its directory, so that it cannot be asked. The services end
                # once they have found neither it nor the place for another.
                with contextlib.suppress(OSError):
                    send_signal(ProcessIdentity(keeper, record.keeper_start), SIGKILL)
        if keeper is not None:
            reap(keeper, 5.0)
        # Removed by the registrar; what it could not (it was killed) is removed here.
        self._tidy(path)
        self._sweep_beside(path, f"{DRAFT}*")

    @contextlib.contextmanager
    def _visit(self, info: BusInfo) -> Iterator[PresenceLink]:
        with Route(info.route) as route, contextlib.closing(reach(route)) as visit:
            yield visit
