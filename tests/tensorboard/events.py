"""Event files of TensorBoard, read back without it.

A record is its length (8 bytes), a checksum of that (4), an Event and its checksum.
"""

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


def read_events(file: Path) -> list[Event]:
    """The events of a file that is whole, checksums aside."""
    data, place, events = file.read_bytes(), 0, []
    while place < len(data):
        (size,) = struct.unpack_from("<Q", data, place)
        place += 12
        assert place + size + 4 <= len(data)
        events.append(Event.FromString(data[place : place + size]))
        place += size + 4
    return events


def event_files(folder: Path) -> list[Path]:
    """Those of a run folder."""
    return sorted(folder.glob("tensorboard/events.out.tfevents.*"))


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    """(step, tag, value) of the run's only event file, in its order."""
    (file,) = event_files(folder)
    return [
        (event.step, value.tag, value.simple_value)
        for event in read_events(file)
        for value in event.summary.value
    ]
