"""What the running system does before its services start: shell snippets in the order of what they need.

Stage 2 runs `/etc/micros/activate` at every boot, in containers too; root may run it again at any time. So each snippet must
leave a system as it is that is already as it should be.
"""

from __future__ import annotations

from typing import Annotated

from micros.lang import Complaint, Config, Converted, Lines, Module, Pattern, Record, check, defines, option
from micros.modules.order import disorder, in_order
from micros.modules.system import FileSpec, System

HEAD = """\
#!/bin/sh
# MicrOS: make the running system what it is declared to be. It may be run again at any time.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
failed=
"""

# A shell that looks at a group's status, as in `( ... ) || x`, ignores -e inside it (POSIX, 2.8.1 set): hence the separate test.
SNIPPET = """\
# {name}
(
set -e
{text}
)
[ $? = 0 ] || failed="$failed {name}"
"""

TAIL = """\
[ -z "$failed" ] || echo "MicrOS: activation failed:$failed"
[ -z "$failed" ]
"""


class ActivationScript(Record):
    """One snippet."""

    text: Lines = option(default="", doc="Shell code, run by /bin/sh with -e, as root; its failure does not stop the others.")
    deps: list[str] = option(default=[], doc="Snippets that run before this one.")


SnippetName = Annotated[str, Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.:@ -]*", "name of letters, digits, spaces and . _ : @ -")]
Snippet = Annotated[ActivationScript, Converted(str, lambda text: {"text": text})]
"""An `ActivationScript`; a text alone stands for one with this text."""


class Activation(Module, at="system"):
    """Shell code that runs before the services start."""

    activation_scripts: dict[SnippetName, Snippet] = option(
        default={}, doc="Snippets by name: `{text, deps}`, or the shell code alone.", example={"issue": "touch /run/issue"}
    )

    @defines(System.files)
    def activate(self, config: Config) -> dict[str, FileSpec]:
        """The program that runs them all."""
        scripts = self.activation_scripts
        order = [name for name in in_order({name: script.deps for name, script in scripts.items()}) if scripts[name].text]
        body = "".join(SNIPPET.format(name=name, text=scripts[name].text.rstrip("\n")) for name in order)
        return {"etc/micros/activate": FileSpec(text=HEAD + body + TAIL, mode="0755")}

    @check
    def order_exists(self, config: Config) -> list[Complaint]:
        """Every snippet that another waits for is there, and none waits for itself."""
        return disorder("system.activation_scripts", "deps", {name: one.deps for name, one in self.activation_scripts.items()})
