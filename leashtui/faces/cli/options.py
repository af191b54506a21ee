"""The options of a session, shared by `leash PROGRAM`, `leash run` and `leash demo`.

Knows where leash's words end and the program's begin. Refuses to look at anything behind that point. Invariant: every
word after the program's name reaches the program as it was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

GUARDS = ("strict", "compat", "exec", "watch")
LAYOUTS = ("side", "full")
ON_ASK = ("wait", "deny")
_WITH_VALUE = frozenset({"--guard", "--on-ask", "--workspace", "--as", "--mode", "--grant-env", "--layout"})
MODES = ("observe", "guard", "lockdown")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "--guard", choices=GUARDS, default=None, help="the least guard tier; refuse to start below it (exit 125)"
    )
    faces = parser.add_mutually_exclusive_group()
    _add_plain(faces)
    faces.add_argument("--headless", action="store_true", help="no terminal of its own: fds 0-2 pass through")
    add_layout(parser)
    parser.add_argument(
        "--on-ask",
        choices=ON_ASK,
        default=None,
        help="wait for an answer, or refuse what needs one (default: wait, headless: deny)",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=None,
        help="observe: record only, hold nothing; lockdown: refuse what would be asked (default: guard)",
    )
    parser.add_argument(
        "--as", dest="role", metavar="ROLE", default="", help="what the session is for: docs, review, tests, infra"
    )
    parser.add_argument(
        "--grant-env", metavar="NAME", action="append", default=[],
        help="hand this secret-looking variable to the agent, which otherwise goes without (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--workspace", metavar="DIR", default=None, help="the agent's workspace (default: the git repository here)"
    )
    parser.add_argument(
        "--linger", action="store_true", help="keep watching what the agent left running, instead of ending it"
    )


def add_face(parser: argparse.ArgumentParser) -> None:
    """Declare only the choice between panel and lines."""
    _add_plain(parser)
    add_layout(parser)
    parser.set_defaults(headless=False)


def add_layout(parser: argparse._ActionsContainer) -> None:
    """Declare how panel and agent share the terminal."""
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default=None,
        help="side: the panel beside the agent; full: the agent has the whole terminal, the panel is on the leader key",
    )


def _add_plain(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--plain", action="store_true", help="numbered questions in lines instead of the panel")


def split(words: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """(leash's options, the rest, whether `--` ended the options)."""
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return list(words[:index]), list(words[index + 1 :]), True
        if not word.startswith("-") or word == "-":
            break
        index += 2 if word in _WITH_VALUE else 1
    return list(words[:index]), list(words[index:]), False
