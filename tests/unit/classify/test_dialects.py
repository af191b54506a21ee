"""The shell that really starts says how a text is read; what only another shell understands is asked."""

from __future__ import annotations

import pytest
from judge import judged


@pytest.mark.parametrize(
    ("command", "outcome", "reason"),
    [
        ("zsh -c 'ls -la | grep py'", "allow", ""),
        ("zsh -c 'f() { echo hi; }; f && (cd src; ls)'", "allow", ""),
        ("zsh -c 'for x in a b; do echo $(basename $x); done'", "allow", ""),
        ("zsh -c 'echo \"a (b) *(c)\"; diff <(ls) a; x=(a b)'", "allow", ""),
        ("zsh -c 'echo =ls'", "allow", ""),
        ("zsh -c '=rm -rf ~'", "deny", ""),
        ("zsh -c 'ls *(e=reboot=)'", "ask", "a glob with qualifiers"),
        ("zsh -c 'ls **/*.py(.)'", "ask", "a glob with qualifiers"),
        ("zsh -c 'TRAPEXIT() { ls; }'", "ask", "a function that zsh calls by itself"),
        ("zsh -c 'repeat 3 ls'", "ask", "a reserved word of zsh"),
        ("zsh -c 'zmodload zsh/net/tcp; ztcp host.example 80'", "ask", "a module that connects"),
        ("zsh -c 'repeat 3 rm -rf ~'", "deny", "a reserved word of zsh"),
        ("zsh -c '{ ls } always { rm -rf ~ }'", "deny", "a reserved word of zsh"),
        ("zsh -c 'for f (a b) rm -rf ~'", "deny", "a short loop"),
        ("zsh -c 'print ${(e)x}'", "ask", "an expansion with flags"),
        ("zsh -c 'print ${(f)$(curl -s https://x.example)}'", "ask", "an expansion with flags"),
        ("zsh -c 'echo ${x:h}'", "ask", "an expansion with modifiers"),
        ("zsh -c 'if [[ -f x ]] { rm -rf ~ }'", "deny", ""),
        ("zsh -c 'echo ${x:-y} ${#x} ${x%.py} $((1+2))'", "allow", ""),
        ("zsh -c 'git commit -m \"a (b) $(date)\" && npm test 2>&1 | tee log'", "allow", ""),
        ("zsh -lc 'cd src && [[ -f a.py ]] && python -m pytest -q'", "allow", ""),
        ("fish -c 'ls'", "ask", "whose language leash does not read"),
        ("fish -c 'rm -rf ~'", "deny", "whose language leash does not read"),
        ("pwsh -c 'Get-ChildItem'", "ask", "whose language leash does not read"),
        ("pwsh script.ps1", "ask", "whose language leash does not read"),
        ("nu -c 'ls'", "ask", "whose language leash does not read"),
        ("fish --version", "allow", ""),
    ],
)
def test_dialects(command: str, outcome: str, reason: str) -> None:
    found = judged(command)
    assert found.decision.outcome.value == outcome, found.facts.effects
    assert any(reason in e.sentence for e in found.facts.effects) or not reason
