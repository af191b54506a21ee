"""The panel's own sentences: headings, hints, names of keys. Sentences about verdicts live in `leashtui.words`.

Knows English only. Invariant: every sentence fits one line of 76 columns.
"""

from __future__ import annotations

NEEDS_YOU = "NEEDS YOU"
TO_ANSWER = "{leader} to answer"
TOO_SMALL = ("terminal too small", "leash needs 40 x 10", "the agent goes on")
GONE = "supervisor gone: nothing runs on"
TERMINAL_CLOSED = "the agent's terminal is closed"
DETACHED = "detached: the agent goes on. Come back with: leash attach {session}"
STARTING = "the guard is being set up, then the agent starts; ctrl+c gives up"
BEING_SET_UP = "being set up …"
NOT_YET = "the session is not there yet; ctrl+c gives up"
NOTHING_WAITS = "nothing waits for you"
NOT_ARMED = "too quick for an approval: rest your keys half a second"
NOT_OFFERED = "this session is not offered: {why}"
CONFIRM = "press ! to {what} — any other key takes it back"
CONFIRM_KILL = "press ! to kill the session and all it started — any other key takes it back"
CHANGED = "the card changed under your key: nothing was answered"
CONFIRM_ALWAYS = "press ! to allow “{what}” here for 30 days"
EDIT = "run instead: "
ONLY_WATCHES = "this panel only watches: nothing was answered"
REASON = "why not? the agent reads this: "
FILTER = "filter: "
WATCH = "WATCH ONLY: nothing is stopped by the kernel"
FROZEN = "FROZEN"
CUT = "… {count} more characters: v shows all"
REST = "approvals open when your keys have rested"
HELD_BACK = "needs a second key: !"
ONCE = "once"
SESSION = "this session"
LASTING = "here for 30 days"
DENY = "deny"
ALWAYS = "always…"
EDIT_KEY = "edit"
DENY_BECAUSE = "deny, say why"
BECAUSE = "say why"
CONFIRMED = {"once": "run it once", "session": "allow it for this session"}
NO_WIDER = "no “this session”: "
SEVERITIES = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "critical": "CRITICAL"}
NOTHING_YET = "nothing happened yet"
NO_MATCH = "no row matches; esc shows all again"
NO_FILES = "no file changed yet"
TOLD = "it was answered: {what}"
