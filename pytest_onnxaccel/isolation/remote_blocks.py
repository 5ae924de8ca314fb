"""Blocks of samples of several sessions in a given order, each inside the process that holds its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.checked_session import bare
from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.isolation.engine import WorkerSession
from pytest_onnxaccel.numerics.timing.blocks import Block, take

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: A session with what it is fed.
SessionFeeds = tuple[Session, Mapping[str, "Array"]]


def take_blocks(sides: Sequence[SessionFeeds], order: Sequence[int], calls: int, probe: bool = False) -> list[Block]:
    """Return one block for each entry of *order*, which numbers *sides*.

    Sessions of one worker alternate inside it; where they live in several, this process asks one after the other.
    Either way a block is timed where its session is, so that transport never enters a figure.
    """
    found = [bare(session, feeds) for session, feeds in sides]
    workers = {id(session.worker) if isinstance(session, WorkerSession) else None for session, _ in found}
    if None not in workers and len(workers) == 1:
        return _hosted(found, order, calls, probe)
    blocks: list[Block] = []
    for number in order:
        session, feeds = found[number]
        if isinstance(session, WorkerSession):
            blocks += _hosted([(session, feeds)], [0], calls, probe)
        else:
            blocks.append(take(session, feeds, calls, probe))
    return blocks


def _hosted(sides: Sequence[SessionFeeds], order: Sequence[int], calls: int, probe: bool) -> list[Block]:
    sessions = [session for session, _ in sides if isinstance(session, WorkerSession)]
    worker = sessions[0].worker
    arrays: dict[str, Any] = {
        f"{i}/{name}": array for i, (_, feeds) in enumerate(sides) for name, array in feeds.items()
    }
    request = {
        "op": "blocks",
        "sessions": [session.number for session in sessions],
        "order": list(order),
        "calls": calls,
        "probe": probe,
    }
    answer = worker.call("time", request, arrays)
    for session, device in zip(sessions, answer["device_memory_mb"], strict=True):
        session.peak_memory_mb, session.device_memory_mb = answer["peak_memory_mb"], device
    return [Block.from_json(block) for block in answer["blocks"]]
