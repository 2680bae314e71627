"""Services, declared once for every init system."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.base.capabilities import CAPABILITIES
from micros.lang import Complaint, Config, Lines, Module, NonEmptyStr, Pattern, Range, Record, check, lazy, option
from micros.modules.order import disorder
from micros.modules.users.accounts import Accounts

RLIMITS: dict[str, tuple[str, int]] = {
    "core": ("c", 512),
    "cpu": ("t", 1),
    "data": ("d", 1024),
    "fsize": ("f", 512),
    "memlock": ("l", 1024),
    "nice": ("e", 1),
    "nofile": ("n", 1),
    "nproc": ("u", 1),
    "rss": ("m", 1024),
    "rtprio": ("r", 1),
    "stack": ("s", 1024),
    "as": ("v", 1024),
}
"""Resource limits by name (setrlimit(2), in small letters), as `ulimit` sets them: letter, and how many make one of its units."""

Capability = Annotated[str, Pattern(f"(?i:(cap_)?({'|'.join(CAPABILITIES)}))", "name of capabilities(7), such as CAP_NET_RAW")]

Seconds = Annotated[int, Range(0, 86400)]
VariableName = Annotated[str, Pattern("[A-Za-z_][A-Za-z0-9_]*", "name of a variable: letters, digits and _")]
Variable = Annotated[str, Pattern(r"[^\0\n]*", "text of one line")]
ServiceName = Annotated[str, Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "name of letters, digits, `_`, `.` and `-`")]
BelowName = Annotated[str, Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", "path below, without `..`")]


class Log(Record):
    """Where a service's output goes."""

    to: Literal["console", "directory", "syslog", "none"] = option(
        default=lazy(lambda log: "console" if log.directory is None else "directory"),
        default_text="`directory` where one is set, else `console`",
        doc="The console, files in a directory, the system's log (as `daemon.info`, tagged with the service's name), or nothing.",
    )
    directory: Annotated[str, Pattern("/.*", "absolute path")] | None = option(
        default=None, doc="Directory of the file `current` and of older ones, `old.1` the youngest.", example="/var/log/web"
    )
    max_size_kib: Annotated[int, Range(1, 1 << 30)] = option(default=256, doc="Size in KiB at which a new file is begun.")
    max_files: Annotated[int, Range(1, 1000)] = option(default=4, doc="How many files there are at most.")


class Service(Record):
    """Something that runs: for as long as the system does, or once."""

    enable: bool = option(default=True, doc="Whether the service exists.")
    name: ServiceName = option(
        default=lazy(lambda service: service.entry_name), default_text="its name in `micros.services`", doc="What it is called."
    )
    type: Literal["longrun", "oneshot"] = option(
        default="longrun", doc="`longrun` stays in the foreground and is restarted; `oneshot` runs once, to its end."
    )
    dependencies: list[str] = option(default=[], doc="Services that must be ready, or done, before this one starts.")
    start_on_boot: bool = option(
        default=True, doc="Start by itself; else by `micros-service start`, or where a service that starts needs it."
    )
    start_script: Lines = option(
        default="",
        doc="Shell code that becomes the service; end it with `exec`. That of a oneshot runs with -e, and is done at its end.",
    )
    conf_script: Lines = option(default="", doc="Shell code that runs before the start script, in the same shell.")
    setup_script: Lines = option(
        default="", doc="Shell code that root runs with -e before each start, whoever the service runs as."
    )
    finish_script: Lines = option(
        default="",
        doc="Shell code that root runs after the service has ended; `$1` is its exit status, 128 + n after a signal n.",
    )

    user: NonEmptyStr | None = option(default=None, doc="Who it runs as; else root. HOME, USER and LOGNAME say so.")
    group: NonEmptyStr | None = option(default=None, doc="Its group; else the first group of the user.", example="dialout")
    supplementary_groups: list[str] = option(default=[], doc="Groups besides, and besides those whose member the user is.")
    no_new_privileges: bool = option(
        default=False, doc="Neither it nor what it starts gains rights by setuid files or capabilities."
    )
    capabilities: list[Capability] | None = option(
        default=None,
        doc="The only capabilities that it and what it starts have, or get from any file; else what the user has.",
        example=["CAP_NET_BIND_SERVICE"],
    )
    limits: dict[str, Annotated[int, Range(0, (1 << 63) - 1)] | Literal["unlimited"]] = option(
        default={}, doc="Resource limits by name, in the units of setrlimit(2): bytes, seconds, counts.", example={"nofile": 4096}
    )

    environment: dict[VariableName, Variable] = option(default={}, doc="Environment variables.")
    working_directory: Annotated[str, Pattern("/.*", "absolute path")] = option(default="/", doc="Where it is started.")
    runtime_directories: list[BelowName] = option(
        default=[], doc="Directories below /run that are the user's own, mode 0755; made before each start."
    )
    state_directories: list[BelowName] = option(default=[], doc="The same below /var/lib.")
    log_directories: list[BelowName] = option(default=[], doc="The same below /var/log.")

    ready_script: Lines = option(
        default="",
        doc="Shell code that root runs again and again until its status is 0: then the service is ready. Else it is at once.",
    )
    ready_seconds: Annotated[int, Range(1, 3600)] = option(
        default=30,
        doc="By when it should be ready, or a oneshot done; later, the boot is called degraded. It goes on all the same.",
    )
    restart: Literal["always", "on-failure", "never"] = option(
        default=lazy(lambda service: "always" if service.type == "longrun" else "never"),
        default_text="`always`, `never` for a oneshot",
        doc="Whether it is started again once it has ended. A oneshot that is done stays so.",
    )
    restart_limit: Annotated[int, Range(1, 1000000)] | None = option(
        default=None, doc="After how many starts in a row, each shorter than `restart_delay_max`, it is given up; never without."
    )
    restart_delay: Seconds = option(
        default=1, doc="Seconds before the first start of a row is repeated; each further wait is twice as long."
    )
    restart_delay_max: Seconds = option(default=60, doc="The longest such wait.")
    stop_seconds: Annotated[int, Range(1, 300)] = option(default=10, doc="How long it may take to stop before it is killed.")
    leave_children: bool = option(
        default=False, doc="Let live what it started when it ends, as sessions of a login service; else nothing of it stays."
    )
    log: Log = option(default=Log(), doc="Where its output goes.")


class Micros(Module, at="micros"):
    """What MicrOS itself runs."""

    services: dict[str, Service] = option(default={}, doc="Services by name.")

    @check
    def order_exists(self, config: Config) -> list[Complaint]:
        """Every dependency is a service, and some order starts every service after what it needs."""
        chosen = {key: service.dependencies for key, service in self.services.items() if service.enable}
        return disorder("micros.services", "dependencies", chosen)

    @check
    def names_are_distinct(self, config: Config) -> list[Complaint]:
        """No two services are called the same, nor as the logger of another."""
        owners: dict[str, str] = {}
        found = []
        for key, service in self.services.items():
            for name in [service.name, logger_of(service.name)] if service.enable else []:
                other = owners.setdefault(name, key)
                if other != key:
                    text = f"micros.services.{key} and micros.services.{other} both need the name {name!r}"
                    found.append(Complaint(text, (("micros", "services", other), ("micros", "services", key))))
                    break
        return found

    @check
    def each_is_sound(self, config: Config) -> list[Complaint]:
        """What no type says: something to run, users that are there, names that the kernel has."""
        users, groups = set(config[Accounts].users), set(config[Accounts].groups)
        return [
            Complaint(f"micros.services.{key}: {text}", (("micros", "services", key, *((field,) if field else ())),))
            for key, service in self.services.items()
            if service.enable
            for field, text in [*_unknown(service, users, groups), *_unsound(service)]
        ]


def logger_of(name: str) -> str:
    """The name of the unit that takes a service's output, where something does."""
    return f"{name}.log"


def _unknown(service: Service, users: set[str], groups: set[str]) -> list[tuple[str, str]]:
    """What a service names and nobody has: the field, what is wrong."""
    found = [("user", f"there is no user {service.user!r}")] if service.user not in {None, *users} else []
    if service.group not in {None, *groups}:
        found.append(("group", f"there is no group {service.group!r}"))
    found += [
        ("supplementary_groups", f"there is no group {group!r}") for group in service.supplementary_groups if group not in groups
    ]
    known = ", ".join(sorted(RLIMITS))
    return found + [("limits", f"{name!r} is no limit; there are {known}") for name in service.limits if name not in RLIMITS]


def _unsound(service: Service) -> list[tuple[str, str]]:
    """What does not go together in a service: the field, what is wrong."""
    found = []
    if not service.start_script.strip():
        found.append(("", "it has no start_script, and so nothing to run"))
    if service.log.to == "directory" and service.log.directory is None:
        found.append(("log", "its log goes to a directory, but log.directory is not set"))
    if service.restart_delay > service.restart_delay_max:
        found.append(("restart_delay", f"the first wait is longer than the longest, {service.restart_delay_max} s"))
    return found
