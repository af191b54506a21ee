"""The recording of a session's terminal: an asciicast v2 file (0600) beside the log.

Knows the format of asciinema: a JSON header, then one `[seconds, kind, data]` a line, o for output, r for a size, m for
a remark. Refuses to mask: what comes here was masked. Invariant: a reader takes every whole line of a file whose writer
was killed, and at most `LIMIT` bytes were ever written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from leashtui.model.errors import StoreError

LIMIT = 32 << 20
"""Bytes after which a recording ends; the session and its log go on."""


class Moment(NamedTuple):
    """One line. t: seconds since the start. kind: o|r|m. data: text; 'COLSxROWS' for r."""

    t: float
    kind: str
    data: str


class Header(NamedTuple):
    """started: seconds since the epoch. title: the agent."""

    cols: int
    rows: int
    started: float
    title: str


def path_of(log: Path) -> Path:
    """Where the recording of the session with this log lies."""
    return log.with_suffix(".cast")


class Recording:
    """A recording being written. Raises StoreError when it cannot be begun, OSError later."""

    def __init__(self, path: Path, header: Header) -> None:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot record to {path}: {error.strerror}", "see `leash doctor`") from error
        self._file = os.fdopen(fd, "wb", buffering=0)
        self._written = 0
        self.full = False
        first = {
            "version": 2,
            "width": header.cols,
            "height": header.rows,
            "timestamp": header.started,
            "title": header.title,
        }
        self._line(first)

    def add(self, moment: Moment) -> None:
        """Write one moment; nothing after the limit but a remark that says so."""
        if self.full:
            return
        if self._written > LIMIT:
            self.full = True
            moment = Moment(moment.t, "m", "the recording ends here: it reached its limit")
        self._line([round(moment.t, 6), moment.kind, moment.data])

    def _line(self, value: Any) -> None:
        data = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        self._file.write(data)
        self._written += len(data)

    def close(self) -> None:
        """Nothing more follows."""
        self._file.close()


def read_recording(path: Path) -> tuple[Header, Iterator[Moment]]:
    """The header and the moments in order. Raises StoreError when there is none or it is no recording."""
    try:
        file = path.open("rb")
        first = json.loads(file.readline())
        header = Header(
            int(first["width"]), int(first["height"]), float(first["timestamp"]), str(first.get("title", ""))
        )
    except FileNotFoundError:
        raise StoreError(f"there is no recording {path}", "panel sessions are recorded unless record = false") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not a recording: {error}", "its log still reads: leash log") from error

    def moments() -> Iterator[Moment]:
        with file:
            for line in file:
                try:
                    t, kind, data = json.loads(line)
                    yield Moment(float(t), str(kind), str(data))
                except (ValueError, TypeError):
                    return  # the line a killed writer left half written is the last

    return header, moments()
