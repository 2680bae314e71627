"""Settings of the running kernel: sysctl(8), sysctl.conf(5)."""

from __future__ import annotations

from micros.lang import Config, Module, defines, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.container import not_in_a_container
from micros.modules.system import FileSpec, System

APPLY = """\
while IFS== read -r key value; do
    sysctl -q -w "$key=$value" >/dev/null 2>&1 || echo "MicrOS: the kernel does not take the setting $key=$value"
done </etc/sysctl.conf
"""


def _has_settings(config: Config) -> bool:
    return not_in_a_container(config) and bool(config[Sysctl].sysctl)


class Sysctl(Module, at="boot.kernel"):
    """Settings of the running kernel."""

    sysctl: dict[str, bool | int | str | None] = option(
        default={},
        doc="Values by key; true is 1, false is 0, null leaves the kernel's own.",
        example={"net.ipv4.ip_forward": True, "vm.swappiness": 10},
    )

    @defines(System.files, when=lazy(_has_settings))
    def file(self, config: Config) -> dict[str, FileSpec]:
        """/etc/sysctl.conf, one `key=value` a line."""
        values = {key: int(value) if isinstance(value, bool) else value for key, value in self.sysctl.items()}
        lines = [f"{key}={value}\n" for key, value in sorted(values.items()) if value is not None]
        return {"etc/sysctl.conf": FileSpec(text="".join(lines))}

    @defines(Activation.activation_scripts["sysctl"], when=lazy(_has_settings))
    def apply(self, config: Config) -> ActivationScript:
        """Tell the kernel; modules may bring keys."""
        return ActivationScript(text=APPLY, deps=["modules"])
