"""What is said when a protected file was changed behind every guard, and what became of it. Pure."""

from __future__ import annotations

from leashtui.words.plain import one_line

LIMIT = 900


def put_back(shown: str, more: int, feedback: str) -> str:
    """The line for the agent. feedback: the refusal. more: files besides the one that is named."""
    others = f" and {more} more" if more else ""
    reason = feedback.removeprefix("leash: REFUSED: ")
    text = f"leash: PUT BACK: {one_line(shown, 200)}{others} as before the change. {reason}"
    return text.encode("utf-8", "backslashreplace")[:LIMIT].decode("utf-8", "ignore")


def noticed(shown: str, more: int) -> str:
    """The same for the person's log."""
    return f"{shown} was put back as it was" + (f", and {more} more" if more else "")


def kept(place: str) -> str:
    """Where what was taken away can be found."""
    return f"what it was changed to is kept in {place}" if place else ""


def stays(shown: str, why: str) -> str:
    """A change that was denied and could not be undone."""
    return f"{shown} was changed, denied, and could not be put back: {why}"


def listed(names: list[str], more: int) -> str:
    """Many changes at once, in place of their differences."""
    lines = [f"{change}" for change in names]
    return "\n".join([*lines, f"... and {more} more"] if more else lines)
