"""The tool tables: every one decodes, names only what exists, and its own examples hold."""

from __future__ import annotations

import pytest
from judge import CWD, HOME

from leashtui.classify.engine import Engine
from leashtui.classify.handlers import HANDLERS
from leashtui.classify.probe import NoProbe
from leashtui.classify.roles import KINDS, NAMES
from leashtui.classify.spec import Spec, SpecError, deed
from leashtui.classify.toolbox import Toolbox, arity
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Severity
from leashtui.model.request import Mode

TOOLS = Toolbox()
ENGINE = Engine(Workspace(CWD), HOME, "dev", Mode.SHIM, NoProbe(), TOOLS)


def specs() -> dict[str, Spec]:
    """Every table once, by its first name."""
    found: dict[str, Spec] = {}
    for name in TOOLS.names():
        spec = TOOLS.find(name)
        assert spec is not None
        found[spec.names[0]] = spec
    return found


SPECS = specs()


def every(spec: Spec) -> list[Spec]:
    """A table and all its subcommands."""
    return [spec, *(inner for command in spec.commands for inner in every(command))]


def test_there_are_tables_for_the_tools_people_use() -> None:
    assert len(SPECS) >= 150
    for (
        name
    ) in "git rm curl npm pip docker kubectl terraform aws psql systemctl ssh tar find sed python3 leash".split():
        assert TOOLS.find(name) is not None, name


@pytest.mark.parametrize("name", SPECS)
def test_a_table_names_only_what_exists(name: str) -> None:
    for spec in every(SPECS[name]):
        roles = [*spec.roles.values(), *spec.args.split(), *(r for rule in spec.rules for r in rule.args.split())]
        for role in roles:
            base, _, kind = role.removesuffix("...").partition(":")
            assert base in KINDS if kind else base in NAMES, (name, role)
        for text in (*spec.do, *spec.bare, *(d for rule in spec.rules for d in rule.do)):
            deed(text)
        assert spec.unknown in ("", "opaque") or deed(spec.unknown)
        assert set(spec.handler.lstrip("*").split()) <= HANDLERS.keys(), (name, spec.handler)


@pytest.mark.parametrize("name", SPECS)
def test_its_examples_hold(name: str) -> None:
    spec = SPECS[name]
    for command, wanted in spec.hit:
        facts = ENGINE.text(command, CWD)
        got = {*facts.touches(), *facts.verbs()}
        assert wanted in got or getattr(facts, wanted, False), (command, wanted, got)
    for command in spec.miss:
        facts = ENGINE.text(command, CWD)
        bad = [e.sentence for e in facts.effects if e.severity is not Severity.LOW]
        assert not bad, (command, bad)
        assert not facts.destructive, command


def test_a_table_that_says_nonsense_is_refused() -> None:
    for text in ('[[tool]]\nnames = ["x"]\ncolour = "red"\n', '[[tool]]\nnames = ["x"]\ndo = ["explode"]\n'):
        tools = Toolbox((("bad.toml", text),))
        with pytest.raises(SpecError):
            spec = tools.find("x")
            assert spec is not None
            deed(spec.do[0])
    with pytest.raises(SpecError, match="already"):
        Toolbox((("a.toml", '[[tool]]\nnames = ["x", "y"]\n'), ("b.toml", '[[tool]]\nnames = ["y"]\n')))


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("docker run --cpu-period 100 -v /:/host alpine chroot /host rm -rf /", "privilege"),
        ("docker run --rm --cgroup-parent x ubuntu ls /srv", ""),
        ("docker exec --detach-keys x web rm -rf /data", "container_change"),
        ("ansible all --background 5 -m shell -a 'rm -rf /x'", "cloud_change"),
        ("ansible all --background 5 --list-hosts", ""),
        ("cargo run --message-format json -- --x", ""),
        ("rg --sort path 'rm -rf' src", ""),
    ],
)
def test_words_behind_options_of_the_completion_package(command: str, wanted: str) -> None:
    facts = ENGINE.text(command, CWD)
    bad = {e.verb.value for e in facts.effects if e.severity is not Severity.LOW}
    assert (wanted in {*facts.verbs(), *bad}) if wanted else not bad, facts.effects


def test_the_completion_package_never_makes_a_switch_take_a_word() -> None:
    """What a table calls a switch stays one, and every program in the list has a table."""
    for program, commands in arity().items():
        spec = TOOLS.find(program)
        assert spec is not None, program
        for sub, options in commands.items():
            assert not sub or any(sub in c.of.split(",") for c in spec.commands), (program, sub)
            switches = set(spec.flags.split()) | set(spec.dry.split())
            assert not {o for o in options & switches if o in spec.takes}, (program, sub)


def test_there_are_tables_enough_and_each_shows_what_it_means() -> None:
    """A table that says that something happens shows when; one that is quiet shows that it is."""
    shown = [s for s in SPECS.values() if s.hit and s.miss]
    assert len(shown) >= 300
    silent = [s.names[0] for s in SPECS.values() if not s.hit and (s.do or any(c.do for c in s.commands))]
    assert silent == []
    assert [s.names[0] for s in SPECS.values() if not s.hit and not s.miss] == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("kubectl delete ns prod", "deletes the namespace prod from the cluster, with everything in it"),
        ("kubectl delete pod a b -n web", "deletes pod a b from the cluster"),
        ("kubectl delete deploy/web", "deletes deploy/web from the cluster"),
        ("kubectl delete -f k8s/", "deletes what its options name from the cluster"),
        ("kubectl drain node-1", "moves all that runs on node-1 off it"),
        ("helm uninstall app", "removes app from the cluster, with all it brought"),
        ("kubectl scale deploy/web --replicas=0", "changes something in a cloud or cluster: kubectl scale deploy/web"),
        ("terraform destroy", "destroys in the cloud what this configuration made"),
        ("terraform state rm a.b", "destroys something in a cloud or cluster: terraform state rm a.b"),
        ("docker volume rm data", "removes containers, images or volumes: docker volume rm data"),
        ("docker rm -f web", "removes containers, images or volumes: docker rm web"),
        ("gh repo delete o/r --yes", "changes a remote for good: gh repo delete o/r"),
        ("gh release delete v1", "changes for good what is published: gh release delete v1"),
        ("systemctl stop nginx", "changes the machine: systemctl stop nginx"),
        ("twine upload " + "x" * 90, "publishes: twine upload " + "x" * 56 + "…"),
    ],
)
def test_a_sentence_names_what_would_be_changed(command: str, sentence: str) -> None:
    facts = ENGINE.text(command, CWD)
    assert sentence in [e.sentence for e in facts.effects]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("docker run --rm alpine ls", "docker run"),
        ("docker run --rm -v /:/host alpine ls", "docker run --rm -v /:/host alpine ls"),
        ("docker run --privileged alpine ls", "docker run --privileged alpine ls"),
        ("chmod -R 777 site", "chmod -R 777 site"),
        ("git branch -D old", "git branch -D old"),
        ("git branch new", "git branch new"),
    ],
)
def test_a_grant_that_raises_rights_or_drops_history_names_the_whole_command(command: str, words: str) -> None:
    engine = Engine(Workspace("/home/dev/proj"), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    assert " ".join(engine.text(command, "/home/dev/proj").grant_prefix) == words
