"""This machine's disks, as sysfs and /proc tell of them: what lies on which, and what is in use.

/sys/dev/block/<major>:<minor>  a block device: `partition` in a partition, whose disk is the directory above;
                                `slaves/`, what a mapped device or an array lies on; `ro`; `queue/logical_block_size`
/proc/self/mountinfo            proc_pid_mountinfo(5)
/proc/swaps                     proc_swaps(5)
"""

from __future__ import annotations

import os
from pathlib import Path

SYSTEM_PLACES = ("/", "/boot", "/boot/efi", "/boot/firmware", "/etc", "/home", "/usr", "/var")
"""What is mounted there makes a disk the system's."""


class Disks:
    """The disks of the machine; other roots are for tests."""

    def __init__(self, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> None:
        self._devices = sys / "dev/block"
        self._proc = proc

    def directory(self, number: int) -> Path:
        """The sysfs directory of a device number; one that does not exist for a device without a disk."""
        return (self._devices / f"{os.major(number)}:{os.minor(number)}").resolve()

    def is_partition(self, number: int) -> bool:
        """Whether a device is a part of a disk."""
        return (self.directory(number) / "partition").exists()

    def is_read_only(self, number: int) -> bool:
        """Whether a device cannot be written."""
        return _text(self.directory(number) / "ro") == "1"

    def sector_bytes(self, number: int) -> int:
        """Size of a disk's logical sectors, 512 where nobody says."""
        return int(_text(self.directory(number) / "queue/logical_block_size") or 512)

    def uses(self, number: int) -> list[str]:
        """What is mounted from a disk, its partitions, or what is mapped onto them; `swap` for memory on it."""
        disk = self.directory(number)
        found = [place for device, place in self._mounts() if disk in self._disks_of(device)]
        for line in _text(self._proc / "swaps").splitlines()[1:]:
            path = line.split()[0]
            if os.path.exists(path) and disk in self._disks_of(os.stat(path).st_rdev or os.stat(path).st_dev):
                found.append("swap")
        return sorted(set(found))

    def _mounts(self) -> list[tuple[int, str]]:
        """Device number and place of every mount; a file system without a device of its own has a number no disk has."""
        found = []
        for line in _text(self._proc / "self/mountinfo").splitlines():
            words = line.split()
            major, minor = map(int, words[2].split(":"))
            found.append((os.makedev(major, minor), _unescaped(words[4])))
            source = words[words.index("-") + 2]
            if source.startswith("/dev/") and os.path.exists(source):  # btrfs, whose number is not its device's
                found.append((os.stat(source).st_rdev, _unescaped(words[4])))
        return found

    def _disks_of(self, number: int) -> set[Path]:
        """The whole disks that a device lies on."""
        found: set[Path] = set()
        pending = [self.directory(number)]
        while pending:
            device = pending.pop()
            pending += [path.resolve() for path in sorted(device.glob("slaves/*"))]
            found.add(device.parent if (device / "partition").exists() else device)
        return found


def _text(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except OSError:  # not every device has every file
        return ""


def _unescaped(text: str) -> str:
    """A path as mountinfo has it: white space and backslashes as three octal digits."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
