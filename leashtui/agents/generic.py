"""Any program nobody told us more about: a shell, a script, an agent of your own."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(kind="generic", names=())
