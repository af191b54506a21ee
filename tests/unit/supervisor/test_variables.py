"""Who gets which secret variable, and which program is told that it goes without."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from leashtui.agents.registry import AGENTS, adapter_of
from leashtui.audit.mask import Masker
from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, ProcessRef, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.policy.cases import ordinary
from leashtui.supervisor.variables import Variables, Wants, sort

ENV = {
    "PATH": "/usr/bin", "ANTHROPIC_API_KEY": "sk-ant-1234567890abcdef", "OPENAI_API_KEY": "sk-1234567890abcdef",
    "GITHUB_TOKEN": "t0ken-of-github", "GH_TOKEN": "t0ken-of-gh", "AWS_SECRET_ACCESS_KEY": "aws+secret",
    "HOUSE": "blue",
}  # fmt: skip


def test_an_agent_gets_its_own_key_and_nobody_elses() -> None:
    claude = sort(ENV, adapter_of("claude"), (), ())
    assert claude.own == ("ANTHROPIC_API_KEY",)
    assert claude.withheld == ("AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "GITHUB_TOKEN", "OPENAI_API_KEY")
    assert sort(ENV, adapter_of("codex"), (), ()).own == ("OPENAI_API_KEY",)
    assert sort(ENV, adapter_of("generic"), (), ()).own == ()
    assert sort(ENV, adapter_of("copilot"), (), ()).own == ("GH_TOKEN",)


def test_a_provider_that_is_switched_on_counts_too() -> None:
    assert "AWS_SECRET_ACCESS_KEY" in sort(ENV, adapter_of("claude"), (), ()).withheld
    on = sort(ENV | {"CLAUDE_CODE_USE_BEDROCK": "1"}, adapter_of("claude"), (), ())
    assert on.own == ("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY")


def test_a_key_that_the_persons_settings_of_an_agent_name_is_its_own(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text('[model_providers.s]\nenv_key = "HOUSE_KEY"\nname = "s"\n')
    (tmp_path / ".config/opencode").mkdir(parents=True)
    text = (
        '{"provider": {"s": {"options": {"apiKey": "{env:HOUSE_KEY}"}}}, "mcp": {"x": {"headers": "{env:GH_TOKEN}"}}}'
    )
    (tmp_path / ".config/opencode/opencode.json").write_text(text)
    (tmp_path / ".qwen").mkdir()
    (tmp_path / ".qwen/settings.json").write_text('{"modelProviders": {"openai": [{"envKey": "HOUSE_KEY"}]}}')
    env = {"HOME": str(tmp_path), "HOUSE_KEY": "k", "GH_TOKEN": "t0ken"}
    for kind in ("codex", "opencode", "qwen"):
        assert sort(env, adapter_of(kind), (), ()) == Variables(("GH_TOKEN",), ("HOUSE_KEY",), ())
    assert sort(env, adapter_of("claude"), (), ()).own == ()


def test_every_agent_names_its_key_but_those_whose_sign_in_is_a_file() -> None:
    assert [agent.kind for agent in AGENTS if not agent.keys_in({"GH_TOKEN": "x"})] == []


def test_grants_and_further_names() -> None:
    some = sort(ENV, adapter_of("generic"), ("GITHUB_TOKEN", "AWS_*", "PATH", "ABSENT"), ("HOUSE",))
    assert some.given == ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN")
    assert "HOUSE" in some.withheld
    left = some.without(ENV)
    assert left.keys() == {"PATH", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"}


def test_what_is_withheld_is_masked_all_the_same() -> None:
    env = {"DEPLOY_WORD": "correct-horse", "PATH": "/usr/bin"}
    some = sort(env, adapter_of("generic"), (), ("DEPLOY_*",))
    assert Masker.from_environment(env, some.values(env)).mask("say correct-horse") == "say [secret:DEPLOY_WORD]"
    assert Masker.from_environment(env).mask("say correct-horse") == "say correct-horse"


class Told:
    """A stderr and a log."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.logged: list[str] = []
        self.verdicts: list[Verdict] = []
        self.wants = Wants(
            Variables(("GH_TOKEN", "NPM_TOKEN")),
            lambda pid, text: self.said.append(text),
            lambda a, b: self.logged.append(b),
        )

    def run(self, *argv: str, facts: Facts, ruling: Ruling = Ruling.ALLOW) -> None:
        request = replace(ordinary("x")[0], action=Action.PROCESS_EXEC, argv=argv, process=ProcessRef(1, 1))
        self.wants.opening(request, facts, self.verdicts.append)(Verdict(ruling, By.POLICY))


def facts_of(program: str, *effects: Effect) -> Facts:
    return replace(ordinary("x")[1], programs=(program,), effects=effects)


def test_a_program_that_reads_one_is_told_once_and_runs() -> None:
    told = Told()
    told.run("gh", "pr", "list", facts=facts_of("gh"))
    told.run("gh", "pr", "view", facts=facts_of("gh"))
    assert len(told.verdicts) == 2
    assert len(told.said) == len(told.logged) == 1
    assert "GH_TOKEN" in told.said[0] and "--grant-env GH_TOKEN" in told.said[0]


def test_a_command_that_names_one_is_told() -> None:
    told = Told()
    told.run("sh", "-c", 'curl -H "Authorization: $NPM_TOKEN" x', facts=facts_of("sh"))
    assert "NPM_TOKEN" in told.said[0]


def test_who_reads_none_or_may_not_run_is_told_nothing() -> None:
    told = Told()
    told.run("ls", "NPM_TOKENS", facts=facts_of("ls"))
    told.run("npm", "ci", facts=facts_of("npm"))
    told.run("gh", "pr", "list", facts=facts_of("gh"), ruling=Ruling.DENY)
    assert not told.said and len(told.verdicts) == 3
    told.run("npm", "publish", facts=facts_of("npm", Effect(Verb.PUBLISH)))
    assert len(told.said) == 1


def test_nothing_withheld_costs_nothing() -> None:
    wants = Wants(Variables(), lambda pid, text: 1 / 0, lambda a, b: None)
    reply = [].append
    request = Request(Action.PROCESS_EXEC, ordinary("x")[0].layer, "/", ("gh",), process=ProcessRef(1, 1))
    assert wants.opening(request, facts_of("gh"), reply) is reply
