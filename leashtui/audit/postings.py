"""A block of records as a reader of queries wants it: every value of every key once, with the records that hold it.

Knows the query language's fields and bits. Refuses to know files, and to be believed: what it finds is a candidate
that is matched with the record itself. Invariant: a block leaves out no record that the query would find, because both
read the same fields, and a value stands in it in full.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any

from msgspec import Struct

from leashtui.audit.fields import FIELDS, View
from leashtui.audit.query import Query, Term

SIZE = 16_384
"""Records of a whole block."""

_WIDE = SIZE // 8
"""Bytes of a set of records as bits; a value that few records hold has their numbers, two bytes each, instead."""

_END = b"\xff"
"""Stands around each value; UTF-8 never has it."""


class Column(Struct, frozen=True):
    """One key. texts: the values between _END. places: where each begins there; ends: where its records end."""

    texts: memoryview
    places: memoryview
    ends: memoryview
    records: memoryview


class Block(Struct, frozen=True):
    """Records first, first + 1, ... head: chain hash of the last. times: of each (us); begins, ends: their bounds."""

    first: int
    count: int
    head: bytes
    begins: int
    ends: int
    times: memoryview
    columns: dict[str, Column]


def build(first: int, head: bytes, records: Iterable[Mapping[str, Any]], agent: str) -> Block:
    """The block of these records (their JSON values), at most SIZE. head: as in Block. agent: of their session."""
    times = array("q")
    found: dict[str, dict[str, array[int]]] = {key: {} for key in FIELDS}
    for number, record in enumerate(records):
        view = View(record, agent)
        times.append(min(max(view.time, -(1 << 62)), 1 << 62))
        for key, values in found.items():
            for value in view.lines() if key == "text" else set(FIELDS[key](view)):
                numbers = values.get(value)
                if numbers is None:
                    values[value] = array("H", (number,))
                else:
                    numbers.append(number)
    columns = {key: _column(values) for key, values in found.items()}
    begins, ends = min(times, default=0), max(times, default=0)
    return Block(first, len(times), head, begins, ends, memoryview(times.tobytes()), columns)


def _column(values: Mapping[str, array[int]]) -> Column:
    texts, records = bytearray(_END), bytearray()
    places, ends = array("I"), array("I")
    for value, numbers in values.items():
        places.append(len(texts))
        texts += value.encode("utf-8", "surrogatepass") + _END
        records += numbers.tobytes() if 2 * len(numbers) < _WIDE else _bits(numbers)
        ends.append(len(records))
    return Column(*(memoryview(bytes(part)) for part in (texts, places.tobytes(), ends.tobytes(), records)))


def _bits(numbers: Iterable[int]) -> bytes:
    made = bytearray(_WIDE)
    for number in numbers:
        made[number >> 3] |= 1 << (number & 7)
    return bytes(made)


def candidates(block: Block, query: Query) -> Iterator[int]:
    """The numbers (seq) of the block's records that may satisfy the query, ascending; none that does is left out."""
    every = (1 << block.count) - 1
    for term in query.terms:
        if any("\n" in value for value in term.values):
            continue  # it may span two strings of a record
        held = _holding(block, term, query)
        every &= ~held if term.negated else held
        if not every:
            return
    bits = every.to_bytes(_WIDE + 1, "little")
    for at, byte in enumerate(bits):
        while byte:
            low = byte & -byte
            yield block.first + (at << 3) + low.bit_length() - 1
            byte ^= low


def _holding(block: Block, term: Term, query: Query) -> int:
    """The records for which the term, without its sign, holds."""
    if term.key in ("since", "until"):
        limit, after = query.limit(term), term.key == "since"
        if (block.begins >= limit) == (block.ends >= limit):
            return (1 << block.count) - 1 if (block.begins >= limit) == after else 0
        times = enumerate(block.times.cast("q"))
        return int.from_bytes(_bits(n for n, time in times if (time >= limit) == after), "little")
    column = block.columns[term.key or "text"]
    texts, sets = bytes(column.texts), list[int]()
    few = bytearray(_WIDE)
    places, ends = column.places.cast("I"), column.ends.cast("I")
    for number in _values(texts, places, query.needles(term)):
        records = column.records[ends[number - 1] if number else 0 : ends[number]]
        if len(records) == _WIDE:
            sets.append(int.from_bytes(records, "little"))
        else:
            for one in records.cast("H"):
                few[one >> 3] |= 1 << (one & 7)
    return reduce(or_, sets, int.from_bytes(few, "little"))


def _values(texts: bytes, places: memoryview, needles: Iterable[tuple[str, Callable[[str], bool] | None]]) -> set[int]:
    """The values that hold one of these texts and, where it is given, pass the look that follows it."""
    found: set[int] = set()
    for text, look in needles:
        wanted = text.encode("utf-8", "surrogatepass")
        at = texts.find(wanted, 1)
        while 0 <= at < len(texts) - 1:
            number = bisect_right(places, at) - 1
            end = texts.index(_END, at)
            if look is None or look(texts[places[number] : end].decode("utf-8", "replace")):
                found.add(number)
            at = texts.find(wanted, end + 1)
    return found
