"""What wandb-core has written of a run: the records of its .wandb file."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32 * 1024
HEADER = struct.Struct("<IHB")  # of a record: checksum, length, kind
WHOLE, LAST = 1, 4  # kinds; 2 and 3 are the first and the middle parts of a long one


def read_records(file: Path) -> list[Any]:
    """Its records, wandb's protocol buffers; those that a kill has torn are left out.

    The file is in LevelDB's log format after a header of seven bytes.
    """
    return [_parsed(content) for content in _contents(file.read_bytes())]


def is_whole(file: Path) -> bool:
    """Whether the run's end is in the file: wandb is silent where the disk is full."""
    last = None
    for content in _contents(file.read_bytes()):
        last = content
    return last is not None and _parsed(last).HasField("exit")


def _parsed(content: bytes) -> Any:
    from wandb.proto import wandb_internal_pb2

    record = vars(wandb_internal_pb2)["Record"]  # made when it is imported
    return record.FromString(content)


def _contents(log: bytes) -> Iterator[bytes]:
    place, joined = HEADER.size, b""
    while place + HEADER.size <= len(log):
        if BLOCK - place % BLOCK < HEADER.size:  # no record starts in a block's rest
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(log, place)
        place += HEADER.size + length
        if place > len(log):
            return
        joined += log[place - length : place]
        if kind in (WHOLE, LAST):
            yield joined
            joined = b""
