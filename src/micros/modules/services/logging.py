"""The system's log: syslogd and klogd of busybox, or rsyslog.

Neither makes a service wait: what does not fit on the disk is lost, and files are rotated before they grow large.
"""

from __future__ import annotations

import shlex
from typing import Annotated

from micros.lang import Config, Lines, Module, Pattern, Range, check, defines, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.services.ready import sockets
from micros.modules.services.services import Micros, Service
from micros.packages import Package, pkgs

Remote = Annotated[str, Pattern(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?", "host or host:port")]

RSYSLOG = """\
# RFC 5424 levels and facilities; see rsyslog.conf(5).
module(load="imuxsock" SysSock.Use="on")
{klog}global(workDirectory="/var/lib/rsyslog")
template(name="local" type="string" string="%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n")
$outchannel messages,{file},{bytes},/etc/micros/rotate-log
*.* :omfile:$messages;local
{remotes}{extra}"""

REMOTE = '*.* action(type="omfwd" target="{host}" port="{port}" protocol="udp" {queue})\n'

QUEUE = (
    'queue.type="LinkedList" queue.size="1000" queue.timeoutEnqueue="0" action.resumeRetryCount="-1" action.resumeInterval="5"'
)
"""What the other machine does not take is kept, up to so many messages; what is more is lost, and nobody waits."""

ROTATE = """\
#!/bin/sh
# Called by rsyslog when its file is as large as it may be.
i={files}
while [ $i -gt 0 ]; do
    [ ! -e {file}.$((i - 1)) ] || mv {file}.$((i - 1)) {file}.$i
    i=$((i - 1))
done
{move}
"""


class Logging(Module, at="system.logging"):
    """The system's log."""

    enable: bool = option(default=False, doc="Take what programs send to syslog, and what the kernel says.")
    syslog_package: Package = option(
        default=pkgs.busybox, doc="What brings the daemon: `busybox`, or `rsyslog`.", example="rsyslog"
    )
    syslog_config: Lines = option(
        default="", doc="Lines of the daemon's configuration: busybox' /etc/syslog.conf, or more of rsyslog.conf(5)."
    )
    syslog_flags: list[str] = option(default=[], doc="More words of the daemon's command line.", example=["-D"])
    file: Annotated[str, Pattern(r"/[^\s'\"]+", "absolute path")] = option(
        default="/var/log/messages", doc="Where the log is. /var is memory unless a disk is mounted there."
    )
    max_size_kib: Annotated[int, Range(4, 1 << 22)] = option(default=256, doc="Size above which the file is put aside, in KiB.")
    max_files: Annotated[int, Range(0, 99)] = option(default=2, doc="How many files that were put aside are kept.")
    level: Annotated[int, Range(1, 8)] = option(
        default=8, doc="Only messages more urgent than this are logged: 8 takes all, 7 no debugging (busybox)."
    )
    kernel: bool = option(default=True, doc="Log what the kernel says too.")
    remote: list[Remote] = option(default=[], doc="Machines that get all of it too, by UDP (RFC 5426).", example=["10.0.0.2"])

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The daemon; glibc loads libgcc by name where rsyslog's threads end (pthread_exit(3))."""
        return [self.syslog_package, *([pkgs.libgcc_s1] if self.syslog_package.name == "rsyslog" else [])]

    @defines(Environment.etc, when=enable)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """What the daemon reads."""
        if self.syslog_package.name == "rsyslog":
            return {
                "rsyslog.conf": EtcFile(text=rsyslog_conf(self)),
                "micros/rotate-log": EtcFile(text=rotate_script(self), mode="0755"),
            }
        return {"syslog.conf": EtcFile(text=self.syslog_config.rstrip("\n") + "\n")} if self.syslog_config else {}

    @defines(Micros.services["syslogd"], when=enable)
    def syslogd(self, config: Config) -> Service:
        """The daemon in the foreground."""
        flags = " ".join(map(shlex.quote, self.syslog_flags))
        if self.syslog_package.name == "rsyslog":
            command = f"{self.syslog_package}/usr/sbin/rsyslogd -n -i NONE {flags}"
        else:
            command = f"syslogd -n {busybox_flags(self)} {flags}"
        return Service(
            setup_script=f"mkdir -p /var/lib/rsyslog {shlex.quote(self.file.rpartition('/')[0] or '/')}\nrm -f /dev/log",
            start_script=f"exec {command.rstrip()}",
            ready_script=sockets("/dev/log"),
        )

    @defines(Micros.services, when=enable)
    def klogd(self, config: Config) -> dict[str, Service]:
        """busybox' reader of the kernel's messages; rsyslog has its own."""
        if not self.kernel or self.syslog_package.name == "rsyslog":
            return {}
        return {"klogd": Service(start_script="exec klogd -n", dependencies=["syslogd"])}

    @check
    def busybox_takes_one_remote(self, config: Config) -> str | None:
        """Its syslogd has no -R more than once."""
        if self.enable and self.syslog_package.name != "rsyslog" and len(self.remote) > 1:
            return 'busybox\' syslogd sends to one machine: set system.logging.syslog_package = "rsyslog", or one remote'
        return None


def busybox_flags(logging: Logging) -> str:
    """syslogd's command line (busybox)."""
    words = ["-O", shlex.quote(logging.file), "-s", str(logging.max_size_kib), "-b", str(logging.max_files)]
    words += ["-l", str(logging.level)]
    words += [word for remote in logging.remote for word in ("-R", remote, "-L")]
    return " ".join(words)


def rsyslog_conf(logging: Logging) -> str:
    """rsyslog.conf(5)."""
    remotes = [remote.rpartition(":") if ":" in remote.rpartition("]")[2] else (remote, "", "514") for remote in logging.remote]
    return RSYSLOG.format(
        klog='module(load="imklog")\n' if logging.kernel else "",
        file=logging.file,
        bytes=logging.max_size_kib << 10,
        remotes="".join(REMOTE.format(queue=QUEUE, host=host.strip("[]"), port=port) for host, _, port in remotes),
        extra=logging.syslog_config,
    )


def rotate_script(logging: Logging) -> str:
    """Shell code that puts rsyslog's file aside."""
    file = shlex.quote(logging.file)
    move = f"mv {file} {file}.0" if logging.max_files else f"rm -f {file}"
    return ROTATE.format(files=max(logging.max_files - 1, 0), file=file, move=move)
