"""The kernel's own defences: what it tells, to whom, and what it lets users do."""

from __future__ import annotations

from micros.lang import Config, Module, default, defines, option
from micros.modules.boot.kernel import Boot
from micros.modules.boot.sysctl import Sysctl

SYSCTLS: dict[str, int | str] = {
    # what the kernel tells of itself
    "kernel.kptr_restrict": 2,
    "kernel.dmesg_restrict": 1,
    "kernel.printk": "3 3 3 3",
    "kernel.perf_event_paranoid": 3,
    # what users may do to the kernel and to each other
    "kernel.unprivileged_bpf_disabled": 1,
    "net.core.bpf_jit_harden": 2,
    "kernel.kexec_load_disabled": 1,
    "kernel.sysrq": 0,
    "kernel.yama.ptrace_scope": 1,
    "dev.tty.ldisc_autoload": 0,
    "vm.unprivileged_userfaultfd": 0,
    "user.max_user_namespaces": 0,
    # files
    "fs.protected_fifos": 2,
    "fs.protected_hardlinks": 1,
    "fs.protected_regular": 2,
    "fs.protected_symlinks": 1,
    "fs.suid_dumpable": 0,
    # the network
    "net.ipv4.conf.all.accept_redirects": 0,
    "net.ipv4.conf.default.accept_redirects": 0,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.rp_filter": 1,
    "net.ipv4.conf.default.rp_filter": 1,
    "net.ipv4.icmp_echo_ignore_broadcasts": 1,
    "net.ipv4.tcp_syncookies": 1,
    "net.ipv6.conf.all.accept_redirects": 0,
    "net.ipv6.conf.default.accept_redirects": 0,
}
"""Linux Documentation/admin-guide/sysctl; a kernel without one of them leaves it out."""

PARAMETERS = [
    "slab_nomerge",
    "init_on_alloc=1",
    "init_on_free=1",
    "page_alloc.shuffle=1",
    "randomize_kstack_offset=on",
    "vsyscall=none",
]
"""Linux Documentation/admin-guide/kernel-parameters.rst."""


class Hardening(Module, at="security.hardening"):
    """Defences of the kernel beyond its defaults."""

    enable: bool = option(default=False, doc="Set the kernel's defences; each one can be set otherwise in `boot.kernel.sysctl`.")
    lockdown: bool = option(
        default=False,
        doc="Let not even root change the running kernel (`lockdown=confidentiality`): no modules without signature.",
    )

    @defines(Sysctl.sysctl, when=enable)
    def settings(self, config: Config) -> dict[str, bool | int | str | None]:
        """What the running kernel can be told."""
        return {key: default(value) for key, value in SYSCTLS.items()}

    @defines(Boot.kernel_params, when=enable)
    def parameters(self, config: Config) -> list[str]:
        """What only the command line can say."""
        return [*PARAMETERS, *(["lockdown=confidentiality"] if self.lockdown else [])]
