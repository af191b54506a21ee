"""'This file runs as code' as effects: installed, of the project, made by the session, fetched, or in a shared place.

Knows where programs lie. Refuses to read what is in them. Invariant: what nobody could look at is never installed.
"""

from __future__ import annotations

from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.places import is_installed, is_of
from leashtui.classify.standing import place, short, target
from leashtui.classify.state import State
from leashtui.classify.values import Taint, is_fixed, show
from leashtui.model.facts import Place, Severity, Verb
from leashtui.model.request import Mode


def run_file(machine: Machine, state: State, word: str, span: Span, what: str = "runs") -> Place:
    """A file is executed or loaded as code."""
    path = target(machine, state, word)
    where = place(machine, path)
    known = state.files.get(path)
    ledger = machine.ledger
    if known is not None and known.taint & Taint.DECODED:
        ledger.sign("obfuscated")
    if known is None:
        known = next((s for p, s in state.files.items() if s.taint & Taint.FETCHED and path.startswith(p + "/")), None)
    if known is not None and known.taint & (Taint.FETCHED | Taint.SOCKET):
        ledger.sign("pipe_to_shell")
        ledger.add(
            Verb.RUN_FETCHED, show(path), where, f"runs {short(machine, path)}, which came from the network", span
        )
        return where
    if path.startswith("/memfd:") or path.endswith(" (deleted)"):
        where = Place.TEMP  # it has no file, or none any more, that anybody could look at
    elif _is_installed(machine, path):
        ledger.add(Verb.EXEC, show(path), Place.NONE, f"{what} {short(machine, path)}", span)
        return Place.NONE
    if where is Place.TEMP and machine.setting.handiwork.holds(path, state.files.get(path), machine.setting.probe):
        sentence = f"{what} {short(machine, path)}, which this session wrote"
        ledger.add(Verb.EXEC, show(path), Place.GENERATED, sentence, span)
        return Place.GENERATED
    if where is Place.TEMP:
        ledger.sign("outside")
        ledger.add(
            Verb.EXEC,
            show(path),
            where,
            f"{what} {short(machine, path)}, a file in a temporary folder",
            span,
            Severity.HIGH,
        )
    elif where is Place.UNKNOWN:
        if machine.setting.mode is Mode.SHIM:
            ledger.add(
                Verb.EXEC,
                show(path),
                where,
                f"{what} a program whose name is known only when it runs",
                span,
                Severity.MEDIUM,
            )
        machine.partial()
    elif where in (Place.DEVICE, Place.SECRET, Place.PROC) or (where is Place.NONE and path.startswith("/dev/")):
        machine.partial()
    else:
        ledger.add(Verb.EXEC, show(path), where, f"{what} {short(machine, path)}", span)
    return where


def _is_installed(machine: Machine, path: str) -> bool:
    """Whether an installed program runs. A link to one is as good where its start is judged again, by its target."""
    setting = machine.setting
    if is_installed(path, setting.workspace, setting.home) or is_of(path, setting.package):
        return True
    if setting.mode is not Mode.KERNEL or not is_fixed(path):
        return False
    real = setting.probe.real(path)
    return real != path and is_installed(real, setting.workspace, setting.home)
