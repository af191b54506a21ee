"""No secret value survives the masker, in whatever disguise; what is no secret survives it unchanged."""

from __future__ import annotations

import base64
import json
import shlex
import time
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from log_samples import allowed, asked

from leashtui.audit.mask import Masker
from leashtui.audit.patterns import find, is_suspicious
from leashtui.audit.secrets import disguises, secrets_of
from leashtui.model import codec
from leashtui.model.event import Decided, FileChanged, Notice, SessionStarted

VALUE = "q7/Zt+9=x Kd'w%&2"
SECRET = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc")), min_size=8)


@pytest.mark.parametrize(
    "wear",
    [
        lambda v: v,
        shlex.quote,
        lambda v: json.dumps({"k": v}),
        lambda v: quote(v, safe=""),
        quote_plus,
        lambda v: quote(v, safe="").lower().replace("zt", "Zt").replace("kd", "Kd"),
        lambda v: v.encode().hex(),
        lambda v: base64.b64encode(v.encode()).decode(),
        lambda v: base64.urlsafe_b64encode(b"user:" + v.encode()).decode(),
        lambda v: base64.b64encode(b"me:" + v.encode() + b"\n").decode(),
        lambda v: base64.b64encode(b"\xff" + v.encode() + b"tail").decode(),
    ],
)
def test_a_known_value_is_masked_in_every_disguise(wear) -> None:  # type: ignore[no-untyped-def]
    masker = Masker({"MY_TOKEN": VALUE})
    worn = wear(VALUE)
    masked = masker.mask(f"before {worn} after")
    assert "[secret:MY_TOKEN]" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert not any(spelling in masked for spelling in disguises(VALUE))


def _wrapped(value: str) -> str:
    text = base64.encodebytes((value * 3).encode()).decode()
    return "\n".join(text[at : at + 64] for at in range(0, len(text), 64)) if "\n" not in text else text


@pytest.mark.parametrize(
    "wear",
    [
        lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
        lambda v: base64.b64encode(f"https://x/?q={quote(v, safe='')}".encode()).decode(),
        lambda v: base64.b64encode(v.encode("utf-16-le")).decode(),
        lambda v: base64.b32encode(f"it is {v}".encode()).decode(),
        lambda v: f"prefix {v} suffix".encode().hex(),
        lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
        lambda v: "".join(f"\\u00{byte:02x}" for byte in v.encode()),
        lambda v: "".join(f"\\{byte:03o}" for byte in v.encode()),
        lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
        _wrapped,
        lambda v: v[:9] + "\\\n" + v[9:],
        lambda v: v[:9] + '""' + v[9:],
        lambda v: v[:9] + "' + '" + v[9:],
        lambda v: v[:9] + "\n   │ \x1b[2m" + v[9:],
        lambda v: v[:9] + "\r\n" + v[9:],
        lambda v: v[::-1],
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_value_is_masked_inside_other_clothes(wear, known: bool) -> None:  # type: ignore[no-untyped-def]
    value = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    worn = wear(value)
    broken = worn.startswith(value[:9]) or worn == value[::-1]
    masked = Masker({"MY_TOKEN": value} if known else {}).mask(f"before the {worn} after it")
    assert masked.startswith("before the ")
    assert masked.endswith(" after it")
    if known or not broken:  # whole tokens only are recognised by their form
        label = "MY_TOKEN" if known else "github-token"
        assert f"[secret:{label}]" in masked
        assert worn not in masked
        assert worn[-12:] not in masked


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(b"the quick brown fox jumps over the lazy dog").decode(),
        "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
        "node_modules/@babel/plugin-transform-react-jsx-development/lib/index",
        "https://example.org/a%20file%20with%20spaces?q=%7B%22a%22%3A1%7D",
        "\\x41\\x42\\x43\\x44\\x45\\x46\\x47",
        "sha512-" + base64.b64encode(bytes(range(64))).decode(),
    ],
)
def test_other_clothes_without_a_secret_stay(text: str) -> None:
    assert Masker({"MY_TOKEN": VALUE}).mask(text) == text


TOKENS = (
    "lin_api_", "pplx-", "xai-", "dp.pt.", "figd_", "tskey-auth-", "nfp_", "vcp_", "dckr_pat_", "HRKU-", "ntn_", "r8_",
    "pscale_tkn_", "sntrys_", "rk_live_", "glft-", "hf_", "whsec_", "gsk_", "npm_", "shpat_", "dapi", "sbp_", "pul-",
)  # fmt: skip


@pytest.mark.parametrize("prefix", TOKENS)
def test_tokens_of_services_are_known_by_their_form(prefix: str) -> None:
    token = prefix + "a1b2c3d4e5" * 4
    token = token[: len(prefix) + (32 if prefix == "dapi" else 40)]
    masked = Masker({}).mask(f"curl https://h/x?v={token}&z")
    assert token not in masked
    assert masked.startswith("curl https://h/x?v=[secret:")
    assert token.encode().hex() not in Masker({}).mask(f"x {token.encode().hex()} y")


@settings(deadline=None)
@given(SECRET, st.text(max_size=40), st.text(max_size=40), st.integers(0, 2))
def test_no_spelling_of_any_value_survives(value: str, before: str, after: str, offset: int) -> None:
    assume(value.strip() == value)
    masker = Masker({"N": value})
    assume(value not in "[secret:N]")
    encoded = base64.b64encode(bytes(offset) + value.encode()).decode()
    for text in (before + value + after, before + shlex.quote(value) + after, before + encoded + after):
        masked = masker.mask(text)
        assert value not in masked
        assert encoded.rstrip("=")[4:-4] not in masked or len(encoded) < 20


@settings(deadline=None)
@given(st.text(max_size=300))
def test_masking_twice_is_masking_once(text: str) -> None:
    masker = Masker({"N": "hunter22"})
    once = masker.mask(f"{text} password=hunter22 {text}")
    assert masker.mask(once) == once
    assert "hunter22" not in once


@settings(deadline=None)
@given(st.text("abc=:/@-_'\" {}[]\\\n\x1fKkTtOoEeNnPpSsWwRrDdyBb.", max_size=200))
def test_the_first_look_misses_nothing_the_patterns_find(text: str) -> None:
    if any(find(text)):
        assert is_suspicious(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mysql -u root -phunter2 db", "mysql -u root -p[secret:password] db"),
        ("export DB_PASSWORD=hunter2", "export DB_PASSWORD=[secret:password]"),
        ("tool --api-key 'a b c d' x", "tool --api-key '[secret:api-key]' x"),
        ('{"client_secret": "abcd1234"}', '{"client_secret": "[secret:secret]"}'),
        ('"{\\"token\\":\\"abcd1234\\"}"', '"{\\"token\\":\\"[secret:token]\\"}"'),
        ("curl -H 'Authorization: Bearer abc.def' x", "curl -H 'Authorization: Bearer [secret:authorization]' x"),
        ("curl -u ann:hunter2 https://h/", "curl -u ann:[secret:password] https://h/"),
        ("git clone https://ann:pw@h/x.git", "git clone https://ann:[secret:url-password]@h/x.git"),
        ("AKIAABCDEFGHIJKLMNOP!", "[secret:aws-key]!"),
        ("x=ghp_0123456789abcdefABCDEF", "x=[secret:github-token]"),
        ("sk-proj-0123456789abcdefgh", "[secret:api-key]"),
        ("a\n-----BEGIN PRIVATE KEY-----\nMII\nE=\n-----END PRIVATE KEY-----\nb", None),
    ],
)
def test_what_looks_secret_is_masked(text: str, masked: str | None) -> None:
    got = Masker({}).mask(text)
    if masked is None:
        assert "MII" not in got
        assert got.startswith("a\n-----BEGIN PRIVATE KEY-----[secret:private-key]")
        assert got.endswith("\nb")
    else:
        assert got == masked


@pytest.mark.parametrize(
    "text",
    [
        "git push origin main",
        "export TOKEN=$OTHER",
        "password: ${PASSWORD}",
        "token = get_token()",
        "reads the secret /home/ann/.aws/credentials",
        "--token-file /run/secrets/x",
        "secret: /run/secrets/x",
        "https://github.com/ann/x.git",
        "ssh git@github.com",
        "task-runner-long-name-without-digits",
        "passive: everything",
        "sk-learn-contrib-something",
        "def tokenize(text: str) -> list[str]:",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Masker({"MY_TOKEN": VALUE}).mask(text) == text


def test_which_variables_are_secret() -> None:
    found = secrets_of(
        {
            "AWS_SECRET_ACCESS_KEY": "/abc+def/0123456789abcdef0123456789abcde",
            "GITHUB_TOKEN": "ghp_x" * 4,
            "MY_CREDENTIALS": "something",
            "DATABASE_URL": "postgres://ann:hunter22@db/x",
            "GH_PAT": "12345678",
            "GOOGLE_APPLICATION_CREDENTIALS": "/home/ann/key.json",
            "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
            "TOKENIZERS_PARALLELISM": "disabled",
            "SOME_KEY": "short",
            "USE_TOKEN": "required",
            "PWD": "/srv/with-a-long-name",
            "OLDPWD": "relative-name",
            "PATH": "/usr/bin:/bin",
            "EDITOR": "a-secret-looking-editor",
        }
    )
    assert set(found) == {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "MY_CREDENTIALS", "DATABASE_URL", "GH_PAT"}
    assert found["DATABASE_URL"] == "hunter22"


def test_every_string_of_an_event_is_masked_and_nothing_else_changes() -> None:
    masker = Masker({"KEY": "abcdefgh12"})
    argv = ("psql", "--password", "pw99", "abcdefgh12")
    event = allowed(*argv)
    masked, count = masker.mask_event(event)
    assert masked.request.argv == ("psql", "--password", "[secret:password]", "[secret:KEY]")
    assert masked.facts.command == "psql --password [secret:password] [secret:KEY]"
    assert count >= 4
    assert b"abcdefgh12" not in codec.encode(masked)
    assert msgspec.structs.replace(masked, request=event.request, facts=event.facts) == event


def test_a_value_found_beside_its_key_is_masked_where_it_stands_alone() -> None:
    event = SessionStarted("x", ("x", "--token", "tr0ub4dor"), "/w", "exec", "b", "wait", "0", lost=("saw tr0ub4dor",))
    masked, _ = Masker({}).mask_event(event)
    assert masked.argv == ("x", "--token", "[secret:token]")
    assert masked.lost == ("saw [secret:token]",)


def test_closed_sets_survive_a_secret_that_spells_like_them() -> None:
    event = asked()
    masked, _ = Masker({"A_TOKEN": "ProcessExec", "B_TOKEN": "history_rewrite", "C_TOKEN": "act.decided"}).mask_event(
        event
    )
    again = msgspec.json.decode(codec.encode(masked), type=Decided)
    assert again.facts.effects[0].verb == event.facts.effects[0].verb
    assert again.request.action == event.request.action


def test_nothing_to_mask_gives_the_same_event_back() -> None:
    event = allowed("git", "status")
    masked, count = Masker({"MY_TOKEN": VALUE}).mask_event(event)
    assert masked is event
    assert count == 0
    assert Masker({}).mask_event(Notice("info", "the token is fine"))[1] == 0


def test_a_secret_of_several_lines_is_found_in_a_diff() -> None:
    key = "-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END X-----"
    diff = "".join(f"+{line}\n" for line in key.splitlines())
    masked, _ = Masker({"TLS_KEY": key}).mask_event(FileChanged("k", "created", "source", False, diff))
    assert "MIIE" not in masked.diff
    assert "AQEF" not in masked.diff


@pytest.mark.parametrize(
    "unit",
    [
        *("token=", "eyJ", "sk-", "://a:", "-----BEGIN PRIVATE KEY-----", "--token ", "curl -u ", "\\", "\\x41", "%41"),
        *("a", "aaaaaaaaaaaaaaaa\n", "aaaaaaaaaaaaaaaa \n", "ab=%", "'", "MTa", "ghp_a.", "re_", "-eyJ", "key-", "SK-"),
    ],
)
def test_hostile_text_costs_time_in_proportion_only(unit: str) -> None:
    masker = Masker({})

    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        return min(_timed(masker, text) for _ in range(3))

    assert cost(64_000) < 100 * max(cost(4_000), 0.0005)


def _timed(masker: Masker, text: str) -> float:
    began = time.thread_time()
    masker.mask(text)
    return time.thread_time() - began


def test_a_flood_of_secrets_leaves_none() -> None:
    text = " ".join(f"token=abcdef{n}" for n in range(2000))
    masked = Masker({}).mask(text)
    assert "abcdef" not in masked
    assert masked.count("[secret:token]") == 2000


def test_what_is_remembered_as_plain_hides_nothing_later() -> None:
    """Strings and encoded runs that held nothing are not looked at again; beside others they may mean more."""
    masker = Masker({"K": VALUE})
    plain = Notice(level="warn", text="--password", hint="")
    other = Notice(level="warn", text="hunter2hunter2", hint="QUJDREVGR0hJSktMTU5PUA==")
    for _ in range(3):
        assert masker.mask_event(other) == (other, 0)
        assert masker.mask_event(plain) == (plain, 0)
    both = Notice(level="warn", text="--password", hint="hunter2hunter2")
    assert masker.mask_event(both)[1] == 1
    hidden = base64.b64encode(VALUE.encode()).decode()
    for text in (f"x {hidden} QUJDREVGR0hJSktMTU5PUA==", f"QUJDREVGR0hJSktMTU5PUA== {VALUE}"):
        found, count = masker.mask_event(Notice(level="warn", text=text, hint=other.text))
        assert count == 1
        assert VALUE not in found.text
        assert hidden not in found.text


def test_a_name_that_a_compiler_makes_up_is_looked_for_among_known_values_only() -> None:
    """No two are the same; what stands around them was looked at before."""
    masker = Masker({"K": "ccSeCrEt", "LONG": VALUE})

    def written(name: str, more: str = "") -> Notice:
        return Notice(level="warn", text=f"writes /tmp/{name}.s", hint=f"--out=/tmp/{name}.s{more}")

    for name in ("ccAAAAAA", "ccBBBBBB", "ccCCCCCC"):
        assert masker.mask_event(written(name)) == (written(name), 0)
    known, count = masker.mask_event(written("ccSeCrEt"))
    assert count == 2
    assert "ccSeCrEt" not in known.text + known.hint
    for more in (f" {VALUE}", f" {base64.b64encode(VALUE.encode()).decode()}", " --password=hunter2hunter2"):
        assert masker.mask_event(written("ccDDDDDD", more))[1] == 1, more
    assert masker.mask_event(written("ccSECRETKEY"))[1] == 0
    assert masker.mask_event(written("ccAAAAAA.s-token=abcdefgh1"))[1] == 2


def test_what_is_looked_through_at_once_is_found_where_it_stands() -> None:
    """Strings that hold nothing by themselves hold nothing beside each other, and one that does is named."""
    masker = Masker({"K": VALUE})
    hidden = base64.b64encode(VALUE.encode()).decode()
    apart = Notice(level="warn", text=f"{VALUE[:9]}", hint=f"{VALUE[9:]}")
    assert masker.mask_event(apart) == (apart, 0)
    halves = Notice(level="warn", text=f"first {hidden[:12]}", hint=f"{hidden[12:]} second")
    assert masker.mask_event(halves) == (halves, 0)
    found, count = masker.mask_event(Notice(level="warn", text="first and more", hint=f"second {hidden}"))
    assert (found.hint, count) == ("second [secret:K]", 1)


def test_a_scanner_that_comes_during_a_look_sees_what_was_looked_at() -> None:
    """It starts in a thread of its own: what the look before it found plain is not plain to it."""
    masker = Masker({})

    def late(text: str) -> list[tuple[int, int, str]]:
        at = text.find("corporate")
        return [(at, at + len("corporate-ticket"), "corporate")] if at >= 0 else []

    def first(text: str) -> list[tuple[int, int, str]]:
        masker.use(late)
        return []

    masker.use(first)
    notice = Notice(level="warn", text="the corporate-ticket of today", hint="")
    assert masker.mask_event(notice)[1] == 0
    assert masker.mask_event(notice)[1] == 1
