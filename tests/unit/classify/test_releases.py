"""What would be published is named as the manifest names it, and only where that is plain."""

from __future__ import annotations

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Verb
from leashtui.model.request import Mode

ROOT = "/home/dev/proj"
FILES = {
    f"{ROOT}/package.json": '{"name": "@me/lib", "version": "1.2.3"}',
    f"{ROOT}/Cargo.toml": '[package]\nname = "crate"\nversion = "0.3.0"\n',
    f"{ROOT}/pyproject.toml": '[tool.poetry]\nname = "py-lib"\nversion = "2.0"\n',
    f"{ROOT}/in/package.json": '{"name": "@me/in", "version": "2.0", "publishConfig": {"registry": "https://u:p@npm.me.example/"}}',
    f"{ROOT}/rc/package.json": '{"name": "@me/rc", "version": "2.0"}',
    f"{ROOT}/rc/.npmrc": "registry=https://all.example/\n@me:registry = 'https://mine.example/npm'\n//mine.example/:_authToken=x\n",
    f"{ROOT}/odd/package.json": '{"name": "lib: harmless\\u001b[2J", "version": "1"}',
    f"{ROOT}/broken/package.json": '{"name": ',
    f"{ROOT}/shared/Cargo.toml": '[package]\nname = "crate"\nversion = { workspace = true }\n',
}


class Disk(NoProbe):
    """These files and no others."""

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        return FILES.get(path)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("npm publish --access public", "publishes @me/lib 1.2.3: npm publish"),
        ("cargo publish", "publishes crate 0.3.0: cargo publish"),
        ("poetry publish", "publishes py-lib 2.0: poetry publish"),
        ("cd in && npm publish", "publishes @me/in 2.0 to npm.me.example: npm publish"),
        ("cd rc && npm publish", "publishes @me/rc 2.0 to mine.example: npm publish"),
        ("npm publish --registry https://n.example/x", "publishes @me/lib 1.2.3 to n.example: npm publish"),
        ("NPM_CONFIG_REGISTRY=https://n.example npm publish", "publishes @me/lib 1.2.3 to n.example: npm publish"),
        (
            "cd in && npm publish --registry https://n.example",
            "publishes @me/in 2.0 to n.example or npm.me.example: npm publish",
        ),
        ("npm publish --registry 'https://n ok.example'", "publishes @me/lib 1.2.3: npm publish"),
        ("cargo publish --registry inner", "publishes crate 0.3.0 to inner: cargo publish"),
        ("cd shared && cargo publish", "publishes: cargo publish"),
        ("cd odd && npm publish", "publishes: npm publish"),
        ("cd broken && npm publish", "publishes: npm publish"),
        ("cd nowhere && npm publish", "publishes: npm publish"),
        ("npm publish ./other", "publishes: npm publish ./other"),
        ("npm dist-tag add @me/lib@1 latest", "publishes: npm dist-tag add @me/lib@1 latest"),
    ],
)
def test_a_release_is_named(command: str, said: str) -> None:
    engine = Engine(Workspace(ROOT), "/home/dev", "dev", Mode.KERNEL, Disk())
    found = [effect.sentence for effect in engine.text(command, ROOT).effects if effect.verb is Verb.PUBLISH]
    assert found == [said]
