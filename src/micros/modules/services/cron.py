"""Commands at given times (busybox crond)."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Complaint, Config, Module, NonEmptyStr, Pattern, Record, check, defines, option
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System
from micros.modules.users.accounts import Accounts

_FIELD = r"[0-9A-Za-z*/,-]+"
TIMES = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Short names of times, as crontab(5) has them."""
Schedule = Annotated[
    str,
    Pattern(rf"{_FIELD}( +{_FIELD}){{4}}|{'|'.join(TIMES)}", "minute, hour, day, month and day of the week, or such as @daily"),
]
Line = Annotated[str, Pattern(rf"{_FIELD}([ \t]+{_FIELD}){{4}}[ \t]+[a-z_][a-z0-9_-]*[ \t]+[^\n]+", "line of a system crontab")]


class CronJob(Record):
    """One command."""

    enable: bool = option(default=True, doc="Whether it is run.")
    schedule: Schedule = option(doc="When: five fields of crontab(5), or a name such as `@daily`.", example="30 4 * * 1")
    user: NonEmptyStr = option(default="root", doc="Who runs it.")
    command: Annotated[str, Pattern(r"[^\n]+", "command of one line")] = option(
        doc="Shell command. What it prints is lost unless it is sent somewhere.", example="backup 2>&1 | logger -t backup"
    )


class Cron(Module, at="services.cron"):
    """Commands at given times, by the system's clock and time zone."""

    enable: bool = option(default=False, doc="Run crond.")
    jobs: dict[str, CronJob] = option(default={}, doc="Jobs by name.")
    system_cron_jobs: list[Line] = option(
        default=[], doc="Jobs as lines: five fields of time, user, command.", example=["0 3 * * * root fstrim /data"]
    )

    @defines(System.files, when=enable)
    def tables(self, config: Config) -> dict[str, FileSpec]:
        """A table for each user."""
        lines: dict[str, str] = {}
        for user, line in self.entries():
            lines[user] = lines.get(user, "") + line + "\n"
        return {f"etc/crontabs/{user}": FileSpec(text=text, mode="0600") for user, text in lines.items()}

    @defines(Micros.services["cron"], when=enable)
    def service(self, config: Config) -> Service:
        """busybox crond in the foreground."""
        return Service(start_script="exec crond -f -L /dev/stdout -c /etc/crontabs")

    @check
    def users_exist(self, config: Config) -> list[Complaint]:
        """Every job is somebody's."""
        missing = sorted({user for user, _ in self.entries()} - set(config[Accounts].users)) if self.enable else []
        return [
            Complaint(f"services.cron: there is no user {user!r}", ("services.cron.jobs", "services.cron.system_cron_jobs"))
            for user in missing
        ]

    def entries(self) -> list[tuple[str, str]]:
        """User and line of every job."""
        found = [(job.user, f"{TIMES.get(job.schedule, job.schedule)} {job.command}") for job in self.jobs.values() if job.enable]
        for line in self.system_cron_jobs:
            *times, user, command = line.split(None, 6)
            found.append((user, f"{' '.join(times)} {command}"))
        return found
