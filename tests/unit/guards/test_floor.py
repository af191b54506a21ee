"""What a floor covers and takes away, in the two tiers that have one."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.guards.kernel.floor import CHANGES, HIDDEN, KEYS, floor_for
from leashtui.model.request import Tier
from leashtui.supervisor.keys import KEYS_OF


def test_each_place_is_covered_where_it_exists_and_only_there(tmp_path: Path) -> None:
    names = (".config/containers/auth.json", ".vault.d", "snap/firefox", ".ssh")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    floor = floor_for(Tier.STRICT, str(tmp_path), [], "veil", workspace="/nowhere", covers=True)
    assert set(floor.covered) == {str(tmp_path / name) for name in names}
    assert not floor_for(Tier.STRICT, str(tmp_path), [], "veil", workspace="/nowhere", covers=False).covered


def test_the_account_s_own_home_is_covered_where_home_names_another(tmp_path: Path) -> None:
    homes = [tmp_path / "told", tmp_path / "account"]
    for home in homes:
        (home / ".ssh").mkdir(parents=True)
        (home / ".netrc").write_text("machine x login y password z")
    (homes[1] / "keys").write_text("x")
    (homes[1] / ".ssh" / "id_rsa").symlink_to(homes[1] / "keys")
    told, account = map(str, homes)
    floor = floor_for(Tier.STRICT, told, [], "veil", workspace=f"{told}/w", covers=True, account=account)
    names = {f"{home}/{name}" for home in (told, account) for name in (".ssh", ".netrc")}
    assert set(floor.covered) == names | {f"{account}/keys"}
    same = floor_for(Tier.STRICT, told, [], "veil", workspace=f"{told}/w", covers=True, account=told)
    assert same.covered == (f"{told}/.ssh", f"{told}/.netrc")
    alone = floor_for(Tier.STRICT, "", [], "veil", workspace=f"{told}/w", covers=True, account=account)
    assert set(alone.covered) == {f"{account}/{name}" for name in (".ssh", ".netrc", "keys")}


@pytest.mark.parametrize(("tier", "handled"), [(Tier.STRICT, CHANGES), (Tier.COMPAT, 0)])
def test_a_sandbox_can_mount_below_the_floor_of_compat(tmp_path: Path, tier: Tier, handled: int) -> None:
    (tmp_path / ".ssh").mkdir()
    floor = floor_for(tier, str(tmp_path), [], "veil", workspace="/nowhere", covers=True)
    assert (floor.tier, floor.handled, bool(floor.rules)) == (tier, handled, bool(handled))
    assert floor.covered == (str(tmp_path / ".ssh"),)


def test_a_key_that_some_program_works_with_can_be_covered() -> None:
    places = {*HIDDEN, *KEYS}
    unknown = {name for names in KEYS_OF.values() for name in names} - places
    assert unknown <= {".terraform.d"}  # what it holds that is secret is covered below it
    assert len(places) == len(HIDDEN) + len(KEYS)


def test_what_a_covered_key_links_to_is_covered_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / "dotfiles").mkdir()
    for name in ("id_rsa", "id_rsa.pub", "config", "free"):
        (home / "dotfiles" / name).write_text(name)
    for name in ("id_rsa", "id_rsa.pub", "config"):
        (home / ".ssh" / name).symlink_to(home / "dotfiles" / name)
    (home / ".ssh" / "up").symlink_to(home)
    (home / ".ssh" / "system").symlink_to("/etc")
    floor = floor_for(Tier.STRICT, str(home), [], "veil", workspace=str(home / "work"), covers=True)
    assert floor.covered == (str(home / "dotfiles" / "id_rsa"), str(home / ".ssh"))
    assert floor.linked == ((str(home / ".ssh"), str(home / "dotfiles" / "id_rsa")),)
    opened = floor_for(Tier.STRICT, str(home), [], "veil", workspace=str(home), covers=True, free=(".ssh",))
    assert not opened.covered
