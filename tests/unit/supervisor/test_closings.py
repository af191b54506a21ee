"""What policies close to readers: which places, for whom, and what is said of it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from random_policies import SCHEMA, WHO

from leashtui.model.request import Tier
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.supervisor.closings import Closing, announced, closings, coverable, misnamed, told_of_names

TEXT = """
@id("no") @reason("Private.") @severity("high") @outcome("deny")
forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"{0}/shut");
@id("ask") @reason("Plans.") @severity("high") @outcome("ask")
forbid (principal, action in Action::"FileOpen", resource == File::"{0}/plan");
@id("else") @outcome("deny")
forbid (principal in User::"somebody-else", action == Action::"FileOpenReadOnly", resource in Dir::"{0}/open");
@id("none") @outcome("deny")
forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"{0}/missing");
@id("kind") @outcome("deny")
forbid (principal, action == Action::"FileOpenReadOnly", resource == File::"{0}/open");
@id("root") @reason("All.") @severity("low") @outcome("deny")
forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"{0}/")
unless {{ resource in Dir::"{0}/open" }};
@id("all") permit (principal, action, resource);
"""


def found(tmp_path: Path) -> tuple[Closing, ...]:
    (tmp_path / "real").mkdir()
    (tmp_path / "shut").symlink_to("real")
    (tmp_path / "open").mkdir()
    (tmp_path / "plan").write_text("x")
    text = TEXT.replace("{0}", str(tmp_path)).replace("{{", "{").replace("}}", "}")
    pdp = PDP(bundle.build([source("user", "u.cedar", text.encode())], SCHEMA), WHO, tier=Tier.STRICT)
    facts = ordinary("true")[1]
    return closings(pdp, lambda request: (facts, pdp.decide(request, facts)))


def test_places_that_exist_and_may_not_be_read_by_this_agent(tmp_path: Path) -> None:
    closed = {c.path: (c.policy.id, c.asks) for c in found(tmp_path)}
    assert closed.pop(str(tmp_path / "plan")) in {("user/root", False), ("user/ask", True)}
    assert closed.pop(str(tmp_path))[1] is False
    assert closed.pop(str(tmp_path / "real"))[1] is False
    assert closed == {}


def test_what_holds_what_is_needed_is_not_covered(tmp_path: Path) -> None:
    closed = found(tmp_path)
    assert set(coverable(closed, [str(tmp_path / "open")])) == {str(tmp_path / "real"), str(tmp_path / "plan")}
    assert set(coverable(closed, [str(tmp_path / "shut" / "work")])) == {str(tmp_path / "plan")}
    etc = Closing("/etc", "/etc", closed[0].policy, False)
    assert coverable([etc], []) == []


def test_it_is_said_once_what_is_closed_and_what_to_commands_only(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    closed = found(tmp_path)
    later = announced(
        closed, [str(tmp_path / "real"), str(tmp_path / "plan")], lambda level, text, hint: said.append((level, text))
    )
    assert sorted(said) == [
        ("info", f"{tmp_path / 'plan'} is closed in this session"),
        ("info", f"{tmp_path / 'real'} is closed in this session"),
        ("warn", f"{tmp_path} is closed to commands that name it, not to all code"),
    ]
    later(closed)
    assert len(said) == 3
    more = Closing("/srv/new", "/srv/new", closed[0].policy, False)
    later([more])
    later([more])
    assert len(said) == 4


def pdp_of(*resources: str, action: str = "FileOpenReadOnly") -> PDP:
    text = "".join(
        f'@id("p{n}") @outcome("deny")\nforbid (principal, action == Action::"{action}", resource {one});\n'
        for n, one in enumerate(resources)
    )
    return PDP(bundle.build([source("user", "u.cedar", text.encode())], SCHEMA), WHO, tier=Tier.STRICT)


def closed_by(pdp: PDP) -> list[str]:
    facts = ordinary("true")[1]
    return [c.path for c in closings(pdp, lambda request: (facts, pdp.decide(request, facts)))]


def test_pipes_and_sockets_are_closed_and_devices_and_impossible_names_are_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "sock"))
    names = [str(tmp_path / "pipe"), str(tmp_path / "sock"), "/dev/null", "/no\\0name"]
    assert closed_by(pdp_of(*(f'== File::"{name}"' for name in names))) == names[:2]


def test_a_place_that_no_act_is_judged_by_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("real")
    real = str(tmp_path / "real")
    odd = [f"{tmp_path}//real", f"{tmp_path}/./real", f"{tmp_path}/link", f"{tmp_path}/file", f"{tmp_path}/x/../new"]
    good = [real, real + "/", f"{tmp_path}/new", "/"]
    for action in ("FileDelete", "FileOpenReadOnly"):
        found = misnamed(pdp_of(*(f'in Dir::"{name}"' for name in (*odd, *good)), action=action))
        assert found == dict(zip(odd, (real, real, real, "", f"{tmp_path}/new"), strict=True))
    assert misnamed(pdp_of(f'== File::"{real}"')) == {real: ""}
    said: list[str] = []
    told_of_names(found, lambda level, text, hint: said.append(f"{level} {text}: {hint}"))
    assert len(said) == 5
    assert said[2].startswith(f"warn a policy names {odd[2]}, which is {real}: ")
    assert said[2].endswith(f"write {real}")


def test_what_leash_and_every_program_run_by_is_not_covered(tmp_path: Path) -> None:
    ref = found(tmp_path)[0].policy
    libraries = os.path.dirname(os.path.realpath(os.__file__))
    for place in (f"{os.path.realpath(sys.prefix)}/lib", libraries):
        assert coverable([Closing(place, place, ref, False)], []) == []


def test_many_places_are_told_in_few_rows(tmp_path: Path) -> None:
    ref = found(tmp_path)[0].policy
    many = [Closing(f"/srv/{n}", f"/srv/{n}", ref, False) for n in range(500)]
    said: list[str] = []
    announced(many, [c.path for c in many], lambda level, text, hint: said.append(text))
    assert len(said) == 9
    assert said[-1] == "492 more places are closed in this session"
