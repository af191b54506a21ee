"""What tier strict adds to a session: the floor its agent is started on, and the guard of its files and doors. In tier
compat the files alone, and as a look only.

Knows which places are leash's own, where tools and agents keep their state, and how the rooms fit. Refuses to judge.
Invariant: leash's own directories, and the code that runs it, are sealed whatever a policy says, unless the person made
them the workspace.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leashtui.agents.adapter import Adapter
from leashtui.agents.registry import placed
from leashtui.guards.kernel.address import nameservers
from leashtui.guards.kernel.doors import DoorGuard
from leashtui.guards.kernel.effects import EffectGuard
from leashtui.guards.kernel.execguard import Rest
from leashtui.guards.kernel.files import FileGuard
from leashtui.guards.kernel.floor import HISTORIES, Floor, floor_for
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.image import program_of
from leashtui.guards.kernel.listener import Listener
from leashtui.guards.kernel.lookout import Lookout
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.notes import Keeper
from leashtui.guards.kernel.onlooker import Onlooker
from leashtui.guards.kernel.openings import Openings
from leashtui.guards.kernel.owned import copies, included
from leashtui.guards.kernel.reads import ReadGuard
from leashtui.guards.kernel.steering import Steering
from leashtui.guards.kernel.terminals import Terminals
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action, Request, Tier
from leashtui.stores.directories import config_dir, runtime_dir, state_dir
from leashtui.supervisor.lanes import Lanes, OwnState
from leashtui.supervisor.peers import sandbox_of
from leashtui.supervisor.tree import ancestry_has

CACHES = (
    ".cache/", ".npm/", ".cargo/registry/", ".cargo/git/", ".cargo/.package-cache", ".gradle/caches/",
    ".gradle/wrapper/", ".gradle/daemon/", ".gradle/native/", ".gradle/notifications/", ".m2/repository/",
    "go/pkg/", ".local/share/pnpm/store/", ".yarn/berry/cache/", ".yarn/cache/", ".pnpm-store/",
    ".bun/install/cache/", ".node-gyp/", ".nuget/", ".ivy2/", ".sbt/boot/", ".java/.userPrefs/",
    ".local/share/virtualenv/", ".local/share/uv/python/", ".dartServer/", ".config/go/telemetry/",
    ".config/configstore/update-notifier-", ".config/nextjs-nodejs/", ".config/astro/", ".local/share/NuGet/",
    ".templateengine/", ".dotnet/TelemetryStorageService/", ".terraform.d/checkpoint_", ".kube/cache/",
    ".aws/cli/cache/", ".bundle/cache/", ".composer/cache/", ".julia/logs/", ".julia/compiled/",
    ".hex/packages/", ".pub-cache/", ".ccache/", ".conan2/p/", ".sonar/cache/", ".android/cache/",
    ".local/state/pnpm/", ".local/share/jupyter/runtime/", ".ipython/profile_default/history.sqlite",
    ".local/share/pnpm/_tmp_", ".local/state/pipx/", ".jupyter/migrated",
    ".config/chromium-headless/", ".config/google-chrome-headless/", ".config/google-chrome-for-testing/",
)  # fmt: skip
"""Below the home: where build tools keep what they can fetch or make again."""
STEERS = (
    ".cache/p10k-", ".cache/gitstatus/", ".cache/zsh/", ".cache/zcompdump", ".cache/.zcompdump", ".cache/oh-my-zsh/",
    ".cache/antidote/", ".cache/antibody/", ".cache/zinit/", ".cache/starship/", ".cache/carapace/", ".cache/fish/",
    ".cache/direnv/", ".cache/nvim/luac/", ".cache/emacs/", ".pub-cache/bin/", ".nuget/plugins/", ".ccache/ccache.conf",
    ".ivy2/.credentials", ".nuget/NuGet/", ".cache/oh-my-posh/", ".cache/zsh4humans/", ".cache/dein/", ".cache/wal/",
    ".cache/zplug/", ".cache/prezto/", ".cache/sheldon/", ".cache/opencode/",
)  # fmt: skip
"""Among these: what a shell or an editor runs when it starts, programs on PATH, settings that name programs."""
SETTLED = (
    (".cache/pre-commit/", 1), (".cache/uv/archive-v0/", 1), (".cache/ms-playwright/", 1), (".cache/puppeteer/", 2),
    (".cache/node/corepack/v1/", 2), (".cargo/registry/src/", 2), (".cargo/git/checkouts/", 2),
    (".gradle/wrapper/dists/", 2), ("go/pkg/mod/", 0), (".local/share/uv/python/", 1),
)  # fmt: skip
"""Among these: programs and sources that tools fetch whole and never change, which run outside as they lie there; and
how many names lead to one of them (0: up to the one with a version). New ones are made; those that are there stay."""
TRAILS = (
    ".viminf", ".lesshs", ".local/state/nvim/shada/", ".local/state/nvim/swap/", ".local/share/nvim/shada/",
    ".local/share/nvim/swap/", ".gunicorn/gunicorn.ctl", ".ansible/tmp/ansible-local-", ".cookiecutter_replay/",
    ".local/state/scrapy/job_files",
    ".local/state/lesshst", ".wget-hsts", ".python_history",
    ".node_repl_history", ".local/state/python_history", ".config/procps/toprc", ".config/htop/htoprc",
)  # fmt: skip
"""Below the home: where programs note by themselves where they were or can be asked; nothing reads it as code."""


def floor_of(
    workspace: str,
    home: str,
    directory: Path,
    *,
    tier: Tier,
    covers: bool,
    free: Collection[str] = (),
    more: Sequence[str] = (),
    window: str = "",
) -> Floor:
    """The floor of a session in tier strict or compat. directory: its own, where the veil is made. free, more: names
    below the home that are not covered, and further ones that are. window: what the agent must be able to read in the
    directory all the same, '' for nothing. Raises OSError."""
    veil = directory / "veil"
    if covers:
        veil.touch(mode=0o000)
    own = [str(runtime_dir()), str(state_dir()), *_customary()[:1]]
    windows = (os.path.realpath(window),) if window else ()
    mine = copies(included(), directory) if covers and os.geteuid() else ()
    return floor_for(
        tier,
        home,
        own,
        str(veil),
        workspace=workspace,
        covers=covers,
        free=free,
        more=more,
        windows=windows,
        owned=mine,
        account=account_home(),
    )


def account_home() -> str:
    """The home that the machine gives this user, whatever HOME says; '' where it knows none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _customary() -> list[str]:
    """Where leash's state and settings of this account lie while no variable moves them: of other sessions, perhaps."""
    home = account_home()
    return [os.path.join(home, ".local/state/leashtui"), os.path.join(home, ".config/leashtui")] if home else []


def sealed_places(workspace: str) -> tuple[str, ...]:
    """leash's own directories and code, as real paths, but for what lies in the workspace."""
    code = [str(Path(__file__).parents[1])]
    if sys.prefix != sys.base_prefix:
        code.append(sys.prefix)
    places = [str(runtime_dir()), str(state_dir()), str(config_dir()), *_customary(), *code]
    real = dict.fromkeys(os.path.realpath(place) for place in places)
    return tuple(p for p in real if not (p + "/").startswith(workspace + "/") or p not in map(os.path.realpath, code))


def own_state(agent: Adapter, home: str, env: Mapping[str, str]) -> OwnState:
    """Where this agent and build tools keep their state. env: of the person, who may have moved an agent's files."""
    if not home:
        return OwnState()
    prints = agent.footprint
    told = (*prints.settings, *prints.skills, *prints.instructions, *(place[0] for place in prints.mcp))
    whole = [name for name, _ in SETTLED]
    steers = [name for name in STEERS if name not in agent.state]
    kept = dict.fromkeys(
        (*steers, *whole, *agent.kept, *(path.removeprefix("~/") for path in told if path.startswith("~/")))
    )

    def holds_home(folder: str) -> bool:
        return folder.startswith("/") and (home + "/").startswith(os.path.normpath(folder).rstrip("/") + "/")

    env = {name: value for name, value in env.items() if not holds_home(value)}  # the whole home is no agent's

    def at(name: str) -> str:
        return os.path.join(home, placed(f"~/{name}", env).removeprefix("~/"))

    def below(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(at, names))

    settled = tuple((at(name), depth) for name, depth in SETTLED)
    return OwnState(below((*CACHES, *TRAILS)), below(agent.state), below(agent.shared), below(kept), settled)


def caches(home: str) -> tuple[str, ...]:
    """Where build tools keep their caches below `home`, as beginnings of paths."""
    return tuple(os.path.join(home, name) for name in CACHES) if home else ()


def histories(home: str) -> tuple[str, ...]:
    """The histories below `home`, which a program may add to."""
    return tuple(os.path.join(home, name) for name in HISTORIES) if home else ()


def effects(
    lanes: Lanes,
    *,
    workspace: str,
    closed: tuple[str, ...],
    opened: Callable[[str], bool],
    watched: Sequence[str] = (),
    agent: int,
    touched: Callable[[str, int], None],
    keeper: Keeper | None,
    doors: frozenset[str] = frozenset(),
    made: Made | None = None,
    looks_on: bool = False,
    shown: frozenset[str] = frozenset(),
    runs_agent: Callable[[int], bool] = lambda tid: False,
    stays: Callable[[int], None] | None = None,
    asks: Callable[[Request], bool] = lambda request: False,
    asked: Callable[[int, int], bool] = lambda tid, port: False,
) -> Callable[[Listener], Rest]:
    """Makes the guard of all calls but execs around a listener. opened: whether a covered place is open now.
    watched: names of files in the workspace whose reads are asked. agent: pid of the waiting launcher. doors:
    sockets of this session's other guards. made: where to note what the session makes. looks_on: it makes its
    changes itself. shown: files whose new text is asked about where another file takes their place. runs_agent: whether
    a thread is of the agent's own program. stays, asked: see DoorGuard. asks: see Openings."""
    top, own = os.getpid(), sandbox_of("self")

    def inside(pid: int) -> bool:
        """Whether it is the agent or was started by it: leash's own children carry no filter."""
        try:
            return ancestry_has(pid, top) and sandbox_of(pid).filters > own.filters
        except (OSError, ValueError):
            return False

    def owns(action: Action, path: str, tid: int, *, new: bool) -> bool:
        """Whether it is the agent's state, and its own program asks, or what it starts makes a file that it may."""
        return lanes.knows_agents(action, path) and ((new and lanes.is_shared(path)) or runs_agent(tid))

    def build(listener: Listener) -> Rest:
        views = Views(agent) if looks_on else None
        holding = Holding(listener, lanes.submit, top, views.program if views is not None else program_of)
        room: dict[str, Any] = {
            "sealed": sealed_places(workspace),
            "closed": closed,
            "opened": opened,
            "terminals": Terminals(agent, inside),
            "touched": touched,
            "keeper": keeper,
            "known_folder": lanes.knows_folder,
            "nameless": lanes.is_nameless,
            "fleeting": lanes.is_fleeting,
            "made": made,
            "is_git": lanes.is_git,
            "adds": lanes.is_added,
            "shown": shown,
            "keeps": lanes.keeps,
            "settles": lanes.settles,
            "owns": owns,
            "steered": lanes.steered,
            "classed": lanes.is_classed,
            "places": lanes,
        }
        entrance: dict[str, Any] = {
            "listener": listener,
            "holding": holding,
            "known": lanes.knows_door,
            "home": lanes.knows_home,
            "inside": lambda pid: pid == top or inside(pid),  # what the session listens on, we listened on for it
            "nameservers": nameservers(),
            "open": doors,
            "stays": stays,
            "openings": Openings(lanes.submit, asks),
            "asked": asked,
        }
        steering = Steering(listener, inside)
        if views is not None:
            looker = Onlooker(listener, holding, lanes.knows, views, inside, ways=lanes, **room)
            lanes.changed.append(looker.forget)
            return EffectGuard(
                listener, holding, looker, Lookout(views, files=looker, **entrance), steering, views=views
            )
        files = FileGuard(listener, holding, lanes.knows, **room, ways=lanes)
        lanes.changed.append(files.forget)
        guard = DoorGuard(files=files, **entrance)
        there = (lambda path: path in made) if made is not None else (lambda path: False)
        reads = ReadGuard(listener, holding, workspace, watched, there) if watched else None
        return EffectGuard(listener, holding, files, guard, steering, reads)

    return build
