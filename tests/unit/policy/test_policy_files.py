"""Policy files, good and hostile: each flaw is refused with its place and remedy, and the process lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from random_policies import SCHEMA

from leashtui.model.errors import PolicyError
from leashtui.policy import bundle
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.policy.syntax import Flaw
from leashtui.supervisor import policyload

GOOD = '@id("a") permit (principal, action, resource);\n'
HEAD = '@id("a") permit (principal, action, resource) when { '


def flaws(*texts: str | bytes, layer: str = "user") -> list[Flaw]:
    raws = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return bundle.check([source(layer, f"f{n}.cedar", raw) for n, raw in enumerate(raws)], SCHEMA)


@pytest.mark.parametrize(
    ("text", "line", "column", "what", "hint"),
    [
        (f"\n{HEAD}\n  {'(' * 40}true{')' * 40} }};", 3, 34, "nested deeper than 32", "split"),
        (f"{HEAD}{'[' * 200_000}", 1, 85, "nested deeper than 32", "split"),
        (f"{HEAD}{'if true then true else ' * 5000} true }};", 1, 767, "nested deeper than 32", "split"),
        (f"{HEAD}context{'.a' * 100_000} }};", 1, 571, "more than 256 operators", "split"),
        (f"{HEAD}{'!' * 100_000}true }};", 1, 309, "more than 256 operators", "split"),
        (f"{HEAD}{'- ' * 100_000}1 }};", 1, 564, "more than 256 operators", "split"),
        (f"{HEAD}{'true && ' * 100_000}true }};", 1, 2099, "more than 256 operators", "split"),
        (f"{HEAD}{'true && ' * 200}true }};", 1, 1, "nesting", "split"),
        (f"{HEAD}true == {'a::' * 9_000}b }};", 1, 825, "more than 256 operators", "split"),
        ('@id("a")\n// \x00\npermit (principal, action, resource);', 2, 4, "U+0000", "remove"),
        ('@id("a") @reason("x\u202ey") permit (principal, action, resource);', 1, 20, "U+202E", "remove"),
        ("// zero\u200bwidth", 1, 8, "U+200B", "remove"),
        ("// one\rpermit (principal, action, resource);", 1, 7, "U+000D", "remove"),
        ('@id("a") @reason("x\\u{202e}y") permit (principal, action, resource);', 1, 11, "@reason", "hidden"),
        (b"// \xff\xfe", 1, 4, "not UTF-8", "UTF-8"),
        ("permit (principal, action, resource);", 1, 1, "no @id", "@id"),
        ('@id("A b") permit (principal, action, resource);', 1, 2, "not understood", "a-z"),
        ('@id("a") @lockd("true") forbid (principal, action, resource);', 1, 11, "did you mean @locked", "@locked"),
        ('@id("a")\n @outcome("aks") forbid (principal, action, resource);', 2, 3, "@outcome", '"ask"'),
        ('@id("a") @outcome("ask") permit (principal, action, resource);', 1, 11, "on a permit", "forbid"),
        ('@id("a") @severity("huge") permit (principal, action, resource);', 1, 11, "@severity", "critical"),
        ('@id("a") @approvers("0") @outcome("ask") forbid (principal, action, resource);', 1, 11, "@approvers", "9"),
        ('@id("a") @offer("all") @outcome("ask") forbid (principal, action, resource);', 1, 11, "@offer", "team"),
        ('@id("a") @offer("team") forbid (principal, action, resource);', 1, 11, "asked only by an ask", "ask"),
        ('@id("a") @approvers("2") forbid (principal, action, resource);', 1, 11, "asked only by an ask", "ask"),
        ('@id("a") @locked("false") forbid (principal, action, resource);', 1, 11, "@locked", "true"),
        ('@id("a") @oblige("mask") @outcome("ask") forbid (principal, action, resource);', 1, 11, "@oblige", "mask:"),
        ('@id("a") @grants("builtin/x") permit (principal, action, resource);', 1, 11, "belongs to grants", "remove"),
        ('@id("a") @expires("1") permit (principal, action, resource);', 1, 11, "belongs to grants", "remove"),
        ('@id("a") @id("b") permit (principal, action, resource);', 1, 11, "given twice", "remove"),
        (f'{HEAD}context.command like "{"*a" * 33}" }};', 1, 75, "more than 32 stars", "fact"),
        ('@id("a") permit (principal, acton, resource);', 1, 29, "acton", "did you mean action?"),
        ('@id("a") permit (principal == ?principal, action, resource);', 1, 31, "templates", "name"),
        (f"{HEAD}context.destrutive }};", 1, 62, "destrutive", "did you mean destructive?"),
        (f'{HEAD}context.verbs.contains("delet") }};', 1, 77, 'never "delet"', "did you mean delete?"),
        (f'{HEAD}context.touches == ["delete:sauce"] }};', 1, 74, "could never match", "delete:source"),
        (f'{HEAD}"kernal" == context.mode }};', 1, 54, "could never match", "kernel"),
        (f"{HEAD}context.verbs == 3 }};", 1, 1, "not compatible", "schema"),
        (f"{HEAD}context.mode = 3 }};", 1, 67, "'='", "docs.cedarpolicy.com"),
        (f"{GOOD}{HEAD}1 == 1 1 }};", 2, 61, "unexpected token", "docs.cedarpolicy.com"),
        ('@id("a") permit (principal, action == Action::"Fly", resource);', 1, 47, "unrecognized action", "schema"),
        ('@id("a") permit (principal, action, resource)', 1, 45, "does not end", "';'"),
        ('@id("a") permit (principal, action, resource;', 1, 17, "never closed", "')'"),
        ('@id("a") permit (principal, action, resource));', 1, 46, "closes nothing", "remove"),
        ('@id("a) permit (principal, action, resource);', 1, 5, "never ends", "close it"),
        (f'{HEAD}context.prefixes.contains("npm t\u0435st") }};', 1, 80, "mixes letters of two scripts", "one script"),
        ('@id("a") @reason("\uff52m") permit (principal, action, resource);', 1, 18, "mixes letters", "escape"),
        (f"{HEAD}{'9' * 30} > 1 }};", 1, 85, "too large", "docs.cedarpolicy.com"),
        ('@id("a") permit (principal, action, resource) # x', 1, 47, "unexpected character", "remove"),
    ],
    ids=lambda value: ascii(value)[:60] if isinstance(value, str | bytes) else str(value),
)
def test_each_flaw_has_a_place_and_a_remedy(text: str | bytes, line: int, column: int, what: str, hint: str) -> None:
    found = flaws(text)
    assert found, "nothing was found"
    assert (found[0].line, found[0].column) == (line, column), str(found[0])
    assert what in found[0].what and hint in found[0].hint, f"{found[0]} | {found[0].hint}"
    assert str(found[0]).startswith(f"f0.cedar:{line}:{column}: ")


def test_a_good_file_has_no_flaw_and_its_comments_do_not_matter() -> None:
    assert flaws(f'// permit; ( [ {{ " é\n{GOOD}', "\ufeff" + GOOD.replace('"a"', '"b"'), "", "// nothing\r\n") == []


def test_an_id_is_used_once_a_layer() -> None:
    found = flaws(GOOD + GOOD, "\n" + GOOD)
    assert [(f.file, f.line) for f in found] == [("f0.cedar", 2), ("f1.cedar", 2)]
    assert "already used at f0.cedar:1" in found[1].what
    both = [source("builtin", "b", GOOD.encode()), source("user", "u", GOOD.encode())]
    assert [p.name for p in bundle.build(both, SCHEMA).policies] == ["builtin/a", "user/a"]


def test_all_flaws_of_a_set_are_found_and_the_first_is_raised() -> None:
    texts = (GOOD.replace("action", "acton"), "(", GOOD.replace("@id", "@ID"))
    assert [f.file for f in flaws(*texts)] == ["f0.cedar", "f1.cedar", "f2.cedar"]
    with pytest.raises(PolicyError) as raised:
        bundle.build([source("user", str(n), text.encode()) for n, text in enumerate(texts)], SCHEMA)
    assert raised.value.message.startswith("0:1:") and "2 more" in raised.value.hint


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(PolicyError, match="unknown layer"):
        source("boss", "x", b"")


def test_project_permits_count_only_when_trusted_and_its_forbids_always() -> None:
    text = GOOD + '@id("no") forbid (principal, action, resource);'
    one = source("project", "p", text.encode())
    assert [p.name for p in bundle.build([one], SCHEMA).policies] == ["project/no"]
    trusted = bundle.build([one], SCHEMA, trusted=frozenset({one.digest})).policies
    assert [p.name for p in trusted] == ["project/a", "project/no"]


def test_the_digest_tells_every_change_of_bytes_or_layer() -> None:
    sets = [[("user", GOOD)], [("user", GOOD + " ")], [("team", GOOD)], [("user", GOOD), ("user", "")]]
    digests = {bundle.build([source(layer, "f", text.encode()) for layer, text in one], SCHEMA).digest for one in sets}
    assert len(digests) == len(sets) and all(len(d) == 12 for d in digests)


def test_a_directory_is_read_sorted_with_its_folders(tmp_path: Path) -> None:
    for number, name in enumerate(["b.cedar", "a.cedar", "sub/c.cedar", ".hidden.cedar", "tests/t.cedar", "x.txt"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(GOOD.replace('"a"', f'"p{number}"'))
    loaded = policyload.load([("user", tmp_path), ("team", tmp_path / "missing")])
    assert [p.name for p in loaded.policies] == ["user/p1", "user/p0", "user/p2"]
    assert loaded.policies[2].file == str(tmp_path / "sub" / "c.cedar")


def refused(path: Path) -> PolicyError:
    with pytest.raises(PolicyError) as raised:
        policyload.load([("user", path)])
    assert raised.value.hint
    return raised.value


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(GOOD)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "x.cedar").symlink_to(tmp_path / "real")
    assert str(rules / "x.cedar") in refused(rules).message
    (rules / "x.cedar").unlink()
    (rules / "loop").symlink_to(rules)
    assert "link" in refused(rules).message
    (rules / "loop").unlink()
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "cannot be read" in refused(tmp_path / "a").message


def test_devices_pipes_and_large_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.cedar")
    assert "regular" in refused(tmp_path).message
    (tmp_path / "p.cedar").unlink()
    (tmp_path / "big.cedar").write_bytes(b"/" * (10 << 20))
    assert "big.cedar" in refused(tmp_path).message and "1,048,576" in refused(tmp_path).message
    assert "regular" in refused(Path("/dev/zero")).message


def test_a_tree_without_end_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "/".join("d" * 12)
    deep.mkdir(parents=True)
    assert "deeper than 8" in refused(tmp_path).message


def test_the_loader_gives_a_stack_and_puts_the_old_size_back() -> None:
    before = threading.stack_size()
    sizes: list[int] = []
    policyload.with_stack(lambda: sizes.append(len(threading.enumerate())))
    assert sizes and threading.stack_size() == before
    with pytest.raises(PolicyError, match="ZeroDivisionError"):
        policyload.with_stack(lambda: 1 // 0)


def test_the_deepest_that_is_allowed_loads_and_decides() -> None:
    nested = "(" * 31 + "true" + ")" * 31
    chain = " && ".join(["context.in_workspace"] * 60)
    text = f'@id("a") permit (principal, action, resource) when {{ {nested} }} when {{ {chain} }};'
    loaded = policyload.with_stack(lambda: bundle.build([source("user", "u", text.encode())], SCHEMA))
    from random_policies import WHO

    from leashtui.policy.cases import ordinary

    assert PDP(loaded, WHO).decide(*ordinary("ls")).outcome == "allow"


def test_words_of_one_script_and_escapes_are_no_look_alikes() -> None:
    words = "rm caf\u00e9 \u0434\u043e\u043a\u0443\u043c\u0435\u043d\u0442 \u65e5\u672c a\u0301 50\u00b5s"
    assert flaws(f'{HEAD}["{words}", "npm t\\u{{435}}st"].contains(context.command) }};') == []


def test_a_set_has_an_end(tmp_path: Path) -> None:
    one = "".join(f'@id("p%d-{n}") permit (principal, action, resource);\n' for n in range(2048))
    assert not flaws(one.replace("%d", "1"), one.replace("%d", "2"))
    more = flaws(one.replace("%d", "1"), one.replace("%d", "2"), GOOD)
    assert [flaw.file for flaw in more] == ["f2.cedar"] and "4,096 policies together" in more[0].what
    for number in range(5):
        (tmp_path / f"{number}.cedar").write_bytes(b"//" + b"x" * 900_000)
    assert "4,194,304 bytes" in refused(tmp_path).message
    (tmp_path / "0.cedar").unlink()
    assert policyload.load([("user", tmp_path)]).policies == ()


FUZZ = """
import random, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from leashtui.model.errors import PolicyError
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.supervisor.deciding import DecisionThread
from leashtui.supervisor.policyload import with_stack

dice = random.Random(int(sys.argv[1]))
LEAVES = ["context.network", "true", '"a"', "1", "context.hosts", "[1, 2]", "resource", "{a: 1}", 'ip("::1")']
WRAPS = ["({})", "[{}]", "!{}", "-{}", "{} && {}", "{} || {}", "{} == {}", "{}.contains({})", "if {} then {} else {}",
         "{} + {}", "{} < {}", "{{a: {}}}", "{}.a", "{} has a", '{} like "*a*"', "{} in {}", "{} is File"]

TYPED = ["({})", "!{}", "({} && {})", "({} || {})", "(if {} then {} else {})", '["x", "y"].contains("z") || {}']

def expression(depth, typed):
    if depth == 0 or dice.random() < 0.03:
        return dice.choice(["context.network", "context.recursive"] if typed else LEAVES)
    wrap = dice.choice(TYPED if typed else WRAPS[:4] if dice.random() < 0.4 else WRAPS)
    count = wrap.count("{}")
    return wrap.format(*(expression(depth - 1 if n == 0 else min(depth - 1, 2), typed) for n in range(count)))

def text():
    typed = dice.random() < 0.4
    body = expression(dice.choice([3, 9, 30, 40, 120]), typed)
    made = '@id("a") permit (principal, action, resource) when { ' + body + " };"
    for _ in range(0 if typed else dice.choice([0, 0, 1, 4])):
        at = dice.randrange(len(made))
        planted = dice.choice(['"', "(", "\\0", "@", "\\u202e", ";", "//", ")", "\\ud800"])
        made = made[:at] + planted + made[at + dice.choice([0, 1]):]
    return made.encode("utf-8", "surrogatepass")

def once(schema, raw):
    try:
        return PDP(bundle.build([source("user", "u", raw)], schema), Principal("s", "a", "k", "u"), stack=deep)
    except PolicyError as error:
        assert error.hint and str(error), raw

deep, schema, good = DecisionThread(), bundle.load_schema(), 0
for _ in range(400):
    raw = text()
    pdp = with_stack(lambda: once(schema, raw))
    if pdp is not None:
        good += 1
        pdp.decide(*ordinary("ls"))
print(good)
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_no_text_ends_the_process(seed: str) -> None:
    words = ["sh", "-c", 'ulimit -s 512; exec "$0" "$@"', sys.executable, "-c", FUZZ, seed]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert int(done.stdout) > 10  # some of them are policies
