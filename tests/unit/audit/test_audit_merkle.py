"""The tree against RFC 6962's own definition, and proofs that hold for their record only."""

from __future__ import annotations

from hashlib import sha256

import pytest

from leashtui.audit.merkle import EMPTY, Tree, check, leaf, node, prove, root_of

DIGESTS = [sha256(bytes([n])).digest() for n in range(70)]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(by_definition(leaves[:half]), by_definition(leaves[half:]))


def test_the_root_is_the_one_of_the_rfc_at_every_size() -> None:
    tree = Tree()
    assert tree.root() == EMPTY
    leaves = []
    for digest in DIGESTS:
        tree.add(digest)
        leaves.append(leaf(digest))
        assert tree.root() == root_of(leaves) == by_definition(leaves)


@pytest.mark.parametrize("parts", [(70,), (1, 69), (3, 5, 62), (64, 6), (7, 0, 7, 1, 8, 47), (1,) * 70])
def test_many_at_once_come_to_the_same(parts: tuple[int, ...]) -> None:
    one, many, at = Tree(), Tree(), 0
    for part in parts:
        many.extend(DIGESTS[at : at + part])
        for digest in DIGESTS[at : at + part]:
            one.add(digest)
        at += part
        assert (many.size, many.root()) == (one.size, one.root())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 64, 70])
def test_a_proof_holds_for_its_record_its_place_and_its_size_only(size: int) -> None:
    leaves = [leaf(digest) for digest in DIGESTS[:size]]
    root = root_of(leaves)
    for index in range(size):
        path = prove(leaves, index)
        assert check(DIGESTS[index], index, size, path, root)
        assert not check(sha256(b"other").digest(), index, size, path, root)
        assert not check(DIGESTS[index], index, size, [*path, bytes(32)], root)
        assert not check(DIGESTS[index], size, size, path, root)
        assert not check(DIGESTS[index], index, size, path, bytes(32))
        if path:
            assert not check(DIGESTS[index], index, size, path[:-1], root)
            assert not check(DIGESTS[index], index ^ 1, size, path, root)
