"""How long a decision takes: python tests/bench/bench_policy.py. Wall clock, microseconds, the shipped pack."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from leashtui.model.facts import Effect, Place, Verb
from leashtui.model.request import Tier
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Principal
from leashtui.policy.grants import from_ask
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import Source, read, source

ROUNDS = 2000
WHO = Principal("s-1", "mini", "mini", "dev")


def _report(name: str, work: Callable[[int], object]) -> None:
    for number in range(50):
        work(-1 - number)
    times = []
    for number in range(ROUNDS):
        before = time.perf_counter_ns()
        work(number)
        times.append((time.perf_counter_ns() - before) / 1000)
    times.sort()
    print(f"{name:<44} p50 {times[len(times) // 2]:8.1f}  p99 {times[int(len(times) * 0.99)]:8.1f} us")


def _more(count: int) -> Source:
    text = "\n".join(
        f'@id("p{n}") @outcome("ask") forbid (principal, action, resource)\n'
        f'when {{ context.hosts.contains("h{n}.example") && context.destructive }};'
        for n in range(count)
    )
    return source("user", "many.cedar", text.encode())


def main() -> None:
    """Print one line a measurement."""
    pack = read([("builtin", bundle.builtin_dir())])
    schema = bundle.load_schema()
    before = time.perf_counter()
    loaded = bundle.build(pack, schema)
    pdp = PDP(loaded, WHO, tier=Tier.EXEC)
    print(f"load and compile {len(loaded.policies)} policies {(time.perf_counter() - before) * 1000:.1f} ms")
    before = time.perf_counter()
    pdp.self_test()
    print(f"self-test {(time.perf_counter() - before) * 1000:.1f} ms")
    request, facts = ordinary("pytest -q")

    _report("cached, pack", lambda n: pdp.decide(request, facts))
    _report(
        "uncached, pack (another host each time)",
        lambda n: pdp.decide(request, msgspec.structs.replace(facts, hosts=(f"h{n}.example",))),
    )
    push = msgspec.structs.replace(
        facts,
        effects=(Effect(Verb.REMOTE_CHANGE, "origin", Place.NONE),),
        remotes=("origin",),
        grant_prefix=("git", "push", "origin"),
    )
    pdp.add_grant(from_ask(push, pdp.decide(request, push), grant_id="g-1", session=WHO.session, expires=0))
    _report("cached ask released by a grant, pack", lambda n: pdp.decide(request, push))
    many = PDP(bundle.build([*pack, _more(500 - len(loaded.policies))], schema), WHO, tier=Tier.EXEC)
    _report("cached, 500 policies", lambda n: many.decide(request, facts))
    _report(
        "uncached, 500 policies",
        lambda n: many.decide(request, msgspec.structs.replace(facts, hosts=(f"h{n}.example",))),
    )


if __name__ == "__main__":
    main()
