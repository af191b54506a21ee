"""Verbs of subcommands: which only look, which change, which end something. Pure words.

Knows how tools of clouds, clusters and queues are worded: groups, then a verb. Refuses to know any of them by name.
Invariant: a command whose verb is not known to only look is never said to look.
"""

from __future__ import annotations

from leashtui.classify.patterns import lazy

_LOOKS = lazy(
    r"(?:describe|list|get|ls|show|view|inspect|head|batch-get|transact-get|search|lookup|query|scan|select|filter|estimate|simulate"
    r"|preview|plan|diff|validate|lint|check|verify|doctor|whoami|tail|wait|explain|test-\w+|poll|detect|compare|count"
    r"|read|display|cat|stat|du|stats|usage|print|dump|fetch|browse|docs|discover|can-i|access|is-\w+|info|status|receive|exists|summarize|admin-(?:get|list))(?:-|$)"
)
_ENDS = lazy(
    r"(?:delete|destroy|terminate|remove|rm|rb|purge|drop|reset|wipe|erase|revoke|deregister|teardown|nuke|uninstall"
    r"|batch-delete|force-delete|empty|del|truncate|cancel|nuke|down|decommission|shred|undeploy)(?:-|$)"
)
_CHANGES = lazy(
    r"(?:create|update|put|set|unset|add|apply|modify|attach|detach|enable|disable|import|restore|promote|rollback|scale"
    r"|resize|restart|reboot|start|stop|run|deploy|publish|invoke|send|submit|execute|exec|call|associate|disassociate"
    r"|authorize|register|upgrade|patch|edit|move|mv|copy|cp|rsync|sync|upload|replace|rename|change|increase|decrease"
    r"|allocate|release|assign|unassign|grant|ssh|connect|login|logout|configure|push|transfer|migrate|failover|rotate"
    r"|renew|request|untag|tag|install|accept|reject|approve|deny|abort|resume|suspend|pause|kill|drain|undelete|clone"
    r"|link|unlink|bind|unbind|join|leave|lock|unlock|launch|up|batch-write|transact|upsert|ingest|train|deallocate"
    r"|redeploy|swap|activate|deactivate|use|switch|merge|complete|write|append|open|sign|encrypt|export|proxy)(?:-|$)"
)
_GROUPS = lazy(
    r"(?:run|plan|deploy|deployment|test|search|import|export|connect|monitor|backup|restore|tag|sql|lock|policy|proxy|check"
    r"|publish|query|migrate|copilot|start|head|login|scan|link|filter|release|transfer|detect|launch|info|status)s?$"
)
_NOUNS = lazy(r"(?:logs?|status|history|events?|top|ps|metrics)$")
_LISTS = lazy(r"(?:versions?|releases|regions|sizes|activity|locations|plans|types)$")
NAMES = lazy(r"^(?:list|ls|describe|index|versions?)(?:-|$)")
"""Verbs that print names of things, never what they hold."""
_HUMP = lazy(r"(?<=[a-z])(?=[A-Z])")
"""Where a word of `listSites` ends."""
_PLAIN = lazy(
    r"(?:list|ls|show|describe|get|exists|summarize|status|info|view|inspect|search|find|validate|check|verify|explain|diff"
    r"|history|version|help|lookup)$"
)


def only_looks(words: list[str]) -> bool:
    """Whether one of these words is a verb that only looks, and none is one that does more."""
    found = [w.lower() for w in words]
    return any(_PLAIN.match(w) for w in found) and not any(_ENDS.match(w) or _CHANGES.match(w) for w in found)


def kind_of(words: list[str]) -> tuple[str, str]:
    """(kind, verb): kind is look, change, end or '' when no word is a known verb. The first verb decides."""
    for index, word in enumerate(words):
        last = _HUMP.sub("-", word.rpartition(":")[2]).lower()
        if index == 0 and len(words) > 1 and ":" not in word and _GROUPS.match(last):
            continue
        if _LOOKS.match(last):
            return "look", last
        if _ENDS.match(last):
            return "end", last
        if _CHANGES.match(last):
            return "change", last
    for word in words:
        last = word.rpartition(":")[2].lower()
        if _NOUNS.match(last) or (word is words[-1] and _LISTS.match(last)):
            return "look", last
    return "", ""
