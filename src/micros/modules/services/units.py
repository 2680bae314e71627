"""From services to units: the files that any init system starts them by.

/etc/micros/service.sh              what they share
/etc/micros/services.order          all names, each after those it needs
/etc/micros/services/NAME/unit      what `service.sh` and `micros-service` must know, as shell variables
                      .../run       starts it: becomes the service, or does what a oneshot does
                      .../start     the service's own part of `run`
                      .../finish    to be read by a script of the init system after each end, with the status as `$1`
                      .../ready     fails until it is ready
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from micros.modules.order import in_order
from micros.modules.services.services import RLIMITS, Service, logger_of
from micros.modules.services.shell import COMMAND, LIBRARY, LOGGER
from micros.modules.system import FileSpec
from micros.packages import pkgs

DIRECTORY = "/etc/micros/services"

STEADY_SECONDS = 10
"""A start that lasts as long, or for the longest wait before a restart, begins no row of failing ones."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a service runs as, in numbers."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A service as an init system sees it."""

    name: str
    needs: tuple[str, ...]
    starts: bool
    """Whether it starts by itself."""
    files: dict[str, FileSpec]
    """Its own files, by path below /."""
    is_oneshot: bool = False

    @property
    def run(self) -> str:
        """Path of the program that starts it."""
        return f"{DIRECTORY}/{self.name}/run"

    @property
    def finish(self) -> str:
        """Path of the script that a shell reads after it has ended, before it calls `settle`."""
        return f"{DIRECTORY}/{self.name}/finish"


def units_of(services: Mapping[str, Service], identities: Mapping[str, Identity]) -> dict[str, Unit]:
    """All enabled services as units by name, each after those it needs. `identities` are those of services with a user or
    group, by key."""
    chosen = {key: service for key, service in services.items() if service.enable}
    started = _started(chosen)
    units: dict[str, Unit] = {}
    for key in in_order({key: service.dependencies for key, service in chosen.items()}):
        service = chosen[key]
        needs = [chosen[other].name for other in service.dependencies if other in chosen]
        if service.log.to in ("directory", "syslog"):
            logger = _logger(service, starts=key in started)
            units[logger.name] = logger
            needs.append(logger.name)
        units[service.name] = _unit(service, needs, identities.get(key), starts=key in started)
    return units


def shared_files(units: Mapping[str, Unit], control: str) -> dict[str, FileSpec]:
    """The files of all units, and those they share. `control` is shell code: the functions `up NAME`, `down NAME SECONDS`."""
    files = {
        "etc/micros/service.sh": FileSpec(text=LIBRARY),
        "etc/micros/backend.sh": FileSpec(text=control),
        "etc/micros/services.order": FileSpec(text="".join(f"{name}\n" for name in units)),
        "usr/sbin/micros-service": FileSpec(text=COMMAND, mode="0755"),
    }
    if any(logger_of(name) in units for name in units):
        files["etc/micros/log.sh"] = FileSpec(text=LOGGER, mode="0755")
    for unit in units.values():
        files |= unit.files
    return files


def _started(services: Mapping[str, Service]) -> set[str]:
    """What starts at boot: what says so, and what that needs."""
    found: set[str] = set()
    pending = [key for key, service in services.items() if service.start_on_boot]
    while pending:
        key = pending.pop()
        if key in services and key not in found:
            found.add(key)
            pending += services[key].dependencies
    return found


def _unit(service: Service, needs: Sequence[str], identity: Identity | None, *, starts: bool) -> Unit:
    facts = {
        "TYPE": service.type,
        "NEEDS": " ".join(needs),
        "RESTART": service.restart,
        "LIMIT": service.restart_limit or "",
        "DELAY": service.restart_delay,
        "DELAY_MAX": service.restart_delay_max,
        "STEADY": max(service.restart_delay_max, STEADY_SECONDS),
        "READY_SECONDS": service.ready_seconds,
        "STOP_SECONDS": service.stop_seconds,
        "LEAVE_CHILDREN": "1" if service.leave_children else "",
    }
    texts = {
        "unit": _facts(service.name, facts),
        "run": _run(service, identity),
        "start": _start(service),
        "finish": _finish(service),
    }
    if service.ready_script:
        texts["ready"] = _lines(service.ready_script)
    return Unit(service.name, tuple(needs), starts, _files(service.name, texts), service.type == "oneshot")


def _facts(name: str, facts: Mapping[str, object]) -> str:
    return "".join(f"{key}={shlex.quote(str(value))}\n" for key, value in {"NAME": name, **facts}.items())


def _files(name: str, texts: Mapping[str, str]) -> dict[str, FileSpec]:
    return {
        f"{DIRECTORY.lstrip('/')}/{name}/{file}": FileSpec(text=text, mode="0755" if file in ("run", "start") else "0644")
        for file, text in texts.items()
    }


def _start(service: Service) -> str:
    shell = "#!/bin/sh -e\n" if service.type == "oneshot" else "#!/bin/sh\n"
    return shell + _lines(service.conf_script) + _lines(service.start_script)


def _run(service: Service, identity: Identity | None) -> str:
    """A service's `run`: what it needs first, its surroundings, its own part last."""
    start = f"{DIRECTORY}/{service.name}/start"
    launch = _privileges(service, identity)
    return "".join(
        [
            _begin(service.name),
            _output(service),
            _directories(service, identity),
            _snippet(service.setup_script),
            *(f"ulimit -{_limit(name, value)} || exit 1\n" for name, value in service.limits.items() if name in RLIMITS),
            *(f"export {name}={shlex.quote(value)}\n" for name, value in _environment(service, identity).items()),
            f"cd {shlex.quote(service.working_directory)} || exit 1\n",
            "watch\n" if service.ready_script or service.type == "oneshot" else "save ready\n",
            "set -e\n" if service.type == "oneshot" and not launch else "",
            f"exec {launch} {start}\n" if launch else f". {start}\n",
        ]
    )


def _begin(name: str) -> str:
    """How every `run` begins."""
    return f"#!/bin/sh\n. /etc/micros/service.sh\nuse {shlex.quote(name)}\nbegin\n"


def _ended(name: str) -> str:
    """How every `finish` begins."""
    return f'. /etc/micros/service.sh\nuse {shlex.quote(name)}\nended "$@"\n'


def _finish(service: Service) -> str:
    text = _ended(service.name)
    if service.finish_script:
        text += f'(\nset -- "$code"\n{_lines(service.finish_script)})\n'
    return text


def _output(service: Service) -> str:
    """Where the output of a service goes."""
    log = service.log
    if log.to == "console":
        return "exec 2>&1\n"
    if log.to == "none":
        return "exec >/dev/null 2>&1\n"
    # Opened for reading too, so that no write fails for want of a reader while the logger is started again.
    return 'exec 1<>"$here/log" 2>&1\n'


def _directories(service: Service, identity: Identity | None) -> str:
    """The directories that are its own."""
    paths = [f"/run/{name}" for name in service.runtime_directories]
    paths += [f"/var/lib/{name}" for name in service.state_directories]
    paths += [f"/var/log/{name}" for name in service.log_directories]
    if not paths:
        return ""
    uid, gid = (identity.uid, identity.gid) if identity is not None else (0, 0)
    return f"install -d -m 0755 -o {uid} -g {gid} {shlex.join(paths)} || exit 1\n"


def _snippet(text: str) -> str:
    """Shell code in a shell of its own, whose failing lines count (see micros.modules.activation)."""
    return f"(\nset -e\n{_lines(text)})\n[ $? = 0 ] || exit 1\n" if text else ""


def _environment(service: Service, identity: Identity | None) -> dict[str, str]:
    found = {"USER": service.user, "LOGNAME": service.user, "HOME": identity.home} if service.user and identity else {}
    return {**found, **service.environment}


def _limit(name: str, value: int | str) -> str:
    """A limit as arguments of `ulimit`, rounded up to its units."""
    letter, unit = RLIMITS[name]
    return f"{letter} {value if isinstance(value, str) else -(-value // unit)}"


def _privileges(service: Service, identity: Identity | None) -> str:
    """The command that gives up what a service must not have; empty where it has all."""
    words = []
    if identity is not None:
        groups = ",".join(str(number) for number in identity.groups)
        words += [f"--reuid={identity.uid}", f"--regid={identity.gid}", f"--groups={groups}" if groups else "--clear-groups"]
    if service.capabilities is not None:
        names = "".join(f",+{name.lower().removeprefix('cap_')}" for name in dict.fromkeys(service.capabilities))
        words += [f"--{which}=-all{names}" for which in ("inh-caps", "ambient-caps", "bounding-set")]
    program = pkgs.util_linux.only("/usr/bin/setpriv") if words else "setpriv"  # busybox' own knows --no-new-privs only
    if service.no_new_privileges:
        words.append("--no-new-privs")
    return " ".join([program, *words]) if words else ""


def _logger(service: Service, *, starts: bool) -> Unit:
    """The unit that takes a service's output from a FIFO and keeps it."""
    name, log = logger_of(service.name), service.log
    if log.to == "syslog":
        program = f"logger -t {shlex.quote(service.name)} -p daemon.info"
    else:
        program = f"/etc/micros/log.sh {shlex.quote(log.directory or '')} {log.max_size_kib * 1024} {log.max_files}"
    facts = {
        "TYPE": "longrun",
        "NEEDS": "",
        "RESTART": "always",
        "LIMIT": "",
        "DELAY": 1,
        "DELAY_MAX": STEADY_SECONDS,
        "STEADY": STEADY_SECONDS,
        "READY_SECONDS": STEADY_SECONDS,
        "STOP_SECONDS": 2,
        "LEAVE_CHILDREN": "",
    }
    there = shlex.quote(f"/run/micros/services/{service.name}")
    run = (
        f"{_begin(name)}"
        f"exec 2>&1\nmkdir -p {there}\n[ -p {there}/log ] || mkfifo -m 0600 {there}/log || exit 1\n"
        f"save ready\nexec {program} <>{there}/log\n"
    )
    return Unit(name, (), starts, _files(name, {"unit": _facts(name, facts), "run": run, "finish": _ended(name)}))


def _lines(text: str) -> str:
    return text.rstrip("\n") + "\n" if text.strip() else ""
