"""Code that programs take in through ordinary options: a configuration that is a script, a plugin, a start-up file.

Knows which options and endings mean code. Refuses to judge what lies in the workspace. Invariant: code that lies in a
temporary folder is reported, whichever option brings it in.
"""

from __future__ import annotations

from leashtui.classify.call import Call
from leashtui.classify.patterns import lazy
from leashtui.classify.spec import Spec
from leashtui.classify.values import Word
from leashtui.model.facts import Place

_ALWAYS = frozenset(
    "--init-script --rulesdir --plugin --plugins --gemfile --rootdir --global-setup --setup-file --loader --preload"
    " --resolve-plugins-relative-to --load-plugins --toolexec -toolexec --kubeconfig".split()
)
_PERHAPS = frozenset("-c -p -I -f --config --config-file --configfile --project --require --import --script".split())
_CODE = lazy(r"\.(?:[cm]?[jt]s|py|rb|gradle|kts|lua|nse|ini|cfg|so|dll|dylib|el|vim)$")


def judge_loads(call: Call, spec: Spec) -> None:
    """Report code from a temporary folder that an option of this call names, by what its table says takes a value."""
    former = ""
    for word in call.words[1:]:
        name, sign, value = word.partition("=")
        if not sign:
            name, value = former, str(word)
        former = str(word)
        if not value.startswith(("/", "~", "..")) or (name not in _ALWAYS and name not in _PERHAPS):
            continue
        if len(name) == 2 and name not in spec.every_takes:
            continue  # `rm -f x.py`, `cc -c x.c`: a flag, and what follows is no value of it
        path = Word(value, word.taint)
        if (name in _ALWAYS or _CODE.search(value)) and call.place(path) is Place.TEMP:
            call.run_file(path, f"loads, by {name},")
