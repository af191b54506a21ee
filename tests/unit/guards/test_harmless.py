"""Which settings files are no secret: only those that hold nothing but what is known to be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.guards.kernel.harmless import holds_secret


@pytest.mark.parametrize(
    ("name", "text", "secret"),
    [
        (".npmrc", "fund=false\n; note\n@acme:registry=https://npm.acme.example/\n\nsave-exact = true\n", False),
        (".npmrc", "", False),
        (".npmrc", "cafile=/etc/ssl/ca.pem\nprefix=~/.npm-global\nnoproxy=localhost\n", False),
        (".npmrc", "cafile=/etc/ssl/ca.pem\n_auth=eDp5\n", True),
        (".npmrc", "cafile=/etc/ssl/ca.pem\nkey=-----BEGIN\n", True),
        (".npmrc", "fund=false\n//registry.npmjs.org/:_authToken=npm_x\n", True),
        (".npmrc", "registry=https://me:word@npm.acme.example/\n", True),
        (".npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n", False),
        (".npmrc", "omit-lockfile-registry-resolved=true\nnodedir=/usr/include/node\n", False),
        (".npmrc", "init-author-email=me@acme.example\nregistry=http://127.0.0.1:4873/\n", False),
        (".npmrc", "something-new = false\n", False),
        (".npmrc", "something-new = q8Zr0pLw\n", True),
        (".npmrc", "_auth=/ab\n", True),
        (".npmrc", "//registry.npmjs.org/:_password=1234\n", True),
        (".npmrc", "q8Zr0pLw\n", True),
        (".npmrc", "registry=https://npm.acme.example/?t=q8Zr0pLw\n", True),
        (".npmrc", "a secret of some other form\n", True),
        (".npmrc", "https-proxy=http://me:word@proxy\n", True),
        (".docker/config.json", '{"auths": {"r.example": {}}, "credsStore": "pass"}', False),
        (".docker/config.json", '{"auths": {"r.example": {"auth": "eDp5"}}}', True),
        (".docker/config.json", '{"HttpHeaders": {"X-Token": "t"}}', True),
        (".docker/config.json", "no json", True),
        (".docker/config.json", "[1]", True),
        (".pypirc", "[distutils]\nindex-servers = pypi\n", True),
    ],
)
def test_settings(tmp_path: Path, name: str, text: str, secret: bool) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / name).write_text(text)
    assert holds_secret(str(tmp_path), name) is secret


def test_what_cannot_be_read_counts(tmp_path: Path) -> None:
    assert holds_secret(str(tmp_path), ".npmrc")
    (tmp_path / ".npmrc").write_bytes(b"\xff\xfe")
    assert holds_secret(str(tmp_path), ".npmrc")
