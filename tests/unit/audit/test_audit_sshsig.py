"""SSH signatures made by the real ssh-keygen, and every way in which one must not count."""

from __future__ import annotations

import base64
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leashtui.audit.signers import NAMESPACE, BadSigners, parse
from leashtui.audit.sshsig import BadSignature, verify

TEXT = b'{"kind":"leash-approval/v1"}'


def make_key(place: Path, *how: str) -> Path:
    path = place / f"key{len(list(place.iterdir()))}"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "x", "-f", str(path), *how], check=True)
    return path


def sign(key: Path, text: bytes = TEXT, namespace: str = NAMESPACE) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)], input=text, capture_output=True, check=True
    )
    return done.stdout.decode()


def wire(key: Path) -> bytes:
    return base64.b64decode(key.with_suffix(".pub").read_text().split()[1])


@pytest.mark.parametrize("how", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "256"), ("-t", "rsa", "-b", "2048")])
def test_a_signature_of_ssh_keygen_counts_and_no_change_of_it_does(tmp_path: Path, how: tuple[str, ...]) -> None:
    key = make_key(tmp_path, *how)
    armored = sign(key)
    assert verify(armored, TEXT, NAMESPACE) == wire(key)
    with pytest.raises(BadSignature, match="does not match"):
        verify(armored, TEXT + b" ", NAMESPACE)
    with pytest.raises(BadSignature, match="was made for"):
        verify(armored, TEXT, "git")
    lines = armored.splitlines()
    raw = bytearray(base64.b64decode("".join(lines[1:-1])))
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 1
        text = "\n".join([lines[0], base64.b64encode(changed).decode(), lines[-1]])
        try:
            assert verify(text, TEXT, NAMESPACE) != wire(key)
        except BadSignature:
            continue
    for cut in (0, 5, 40, len(raw) - 1):
        with pytest.raises(BadSignature):
            verify("\n".join([lines[0], base64.b64encode(raw[:cut]).decode(), lines[-1]]), TEXT, NAMESPACE)
    with pytest.raises(BadSignature, match="not an SSH signature"):
        verify("hello", TEXT, NAMESPACE)


def token_signature(flags: int) -> tuple[str, bytes]:
    """What a FIDO token signs (PROTOCOL.u2f), by a key held here."""

    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    private = Ed25519PrivateKey.generate()
    kind, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    key = string(kind) + string(private.public_key().public_bytes_raw()) + string(application)
    inner = b"SSHSIG" + string(NAMESPACE.encode()) + string(b"") + string(b"sha256") + string(sha256(TEXT).digest())
    state = bytes([flags]) + (7).to_bytes(4, "big")
    raw = private.sign(sha256(application).digest() + state + sha256(inner).digest())
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + string(key) + string(NAMESPACE.encode()) + string(b"")
    blob += string(b"sha256") + string(string(kind) + string(raw) + state)
    body = base64.b64encode(blob).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n", key


def test_a_token_counts_only_when_it_was_touched() -> None:
    armored, key = token_signature(1)
    assert verify(armored, TEXT, NAMESPACE) == key
    with pytest.raises(BadSignature, match="nobody touched"):
        verify(token_signature(0)[0], TEXT, NAMESPACE)


def test_a_weak_rsa_key_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(BadSignature, match="too weak"):
        verify(sign(make_key(tmp_path, "-t", "rsa", "-b", "1024")), TEXT, NAMESPACE)


def test_reviewers_come_from_the_file_and_can_only_become_fewer(tmp_path: Path) -> None:
    ann, bob = make_key(tmp_path, "-t", "ed25519"), make_key(tmp_path, "-t", "ed25519")

    def line(name: str, key: Path, options: str = "") -> str:
        return f"{name} {options}{' ' if options else ''}{key.with_suffix('.pub').read_text()}"

    text = (
        "# reviewers\n\n"
        + line("ann@example.org", ann)
        + line("bob", bob, f'namespaces="{NAMESPACE},git",valid-after="20260101",valid-before="20270101Z"')
    )
    found = parse(text)
    in_2026, in_2027 = 1_790_000_000_000_000, 1_800_000_000_000_000
    assert found.name_of(wire(ann), in_2027) == "ann@example.org"
    assert found.name_of(wire(bob), in_2026) == "bob"
    assert found.name_of(wire(bob), in_2027) == ""
    assert found.name_of(b"other", in_2026) == ""
    assert [s.name for s in found.narrowed(line("ann@example.org", ann)).signers] == ["ann@example.org"]
    assert found.narrowed(text + line("eve", bob)).name_of(wire(bob), in_2026) == "bob"
    assert parse(line("ann", ann)).narrowed(text).signers == ()
    shorter = line("ann@example.org", ann, 'valid-before="20260102"')
    assert found.narrowed(shorter).name_of(wire(ann), in_2026) == ""
    assert parse(line("ann", ann, 'namespaces="git"')).signers == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("ann", "line 1: it has no key"),
        ("* ssh-ed25519 AAAA", "line 1: a reviewer has a name, not a pattern"),
        ("ann cert-authority ssh-ed25519 AAAA", "cert-authority is not known"),
        ("\nann ssh-ed25519 A", "line 2: "),
        ('ann valid-before="soon" ssh-ed25519 AAAA', "'soon' is no time"),
    ],
)
def test_a_wrong_line_is_named(text: str, wrong: str) -> None:
    with pytest.raises(BadSigners, match=wrong.replace("*", r"\*")):
        parse(text)
