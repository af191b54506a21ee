"""What a terminal may answer to an agent, by shape.

Pure. Refuses every reply that could carry text an agent chose (titles, clipboards, macros), and those that promise what
our keys do not do (the kitty keyboard protocol). Invariant: a reply that no shape here matches is not sent.
"""

from __future__ import annotations

import re

REPLY = re.compile(
    rb"\x1b\[[?>]?[0-9;]{0,40}[cRnty]|\x1b\[\??[0-9;]{1,20}\$y|\x1b\]1[0-2];rgb:[0-9a-f/]{5,20}(?:\x07|\x1b\\)"
    rb"|\x1b\]4;[0-9]{1,3};rgb:[0-9a-f/]{5,20}(?:\x07|\x1b\\)|\x1bP>\|[a-z]+\([0-9.]+\)\x1b\\"
    rb"|\x1bP[01]\+r[0-9A-Fa-f]{1,64}(?:=[0-9A-Fa-f]{0,64})?\x1b\\|\x1bP[01]\$r[0-9;:]{0,64}(?:[mrst]| q|\"[pq])\x1b\\"
    rb"|\x1b\[[IO]|\x1b\[<[0-9]+;-?[0-9]+;-?[0-9]+[Mm]|\x1b\[[0-9]+;[0-9]+;[0-9]+M|\x1b\[M[\x20-\xff]{3,9}"
    rb"|(?:\x1b[\[O][AB]){1,9}"
)
