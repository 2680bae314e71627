"""Scripts of iPXE (ipxe.org/scripting), which load a kernel and an initrd and start them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

_SCRIPT = """\
#!ipxe
# MicrOS: {name}
isset ${{ip}} && ifopen || dhcp || goto failed
set base {url}
isset ${{base}} || set base tftp://${{next-server}}/
kernel ${{base}}kernel {words} initrd={initrd} || goto failed
initrd ${{base}}{initrd} || goto failed
boot
:failed
echo MicrOS: {name} cannot be booted from ${{base}}
exit 1
"""
# iPXE that UEFI's own network boot started knows the address from there, with the network card still closed.
# `initrd=` is for kernels and versions of iPXE that do not know the initrd of UEFI's own (Linux, x86/efi-stub).

_BESIDE = "${cwduri}"
"""The directory that the running script came from."""


def script(job: Job) -> Digest:
    """Step program: the script that boots `initrd`, a file's name.

    Parameters: `name` of the system, `url` of the directory, empty for where the script is, `cmdline`. With an input `root`,
    the kernel is told to fetch `root.squashfs` there, and what its SHA-256 must be.
    """
    given = job.parameters
    words = given["cmdline"]
    if "root" in job.inputs:
        words = f"{words} netroot=${{base}}root.squashfs netroot_sha256={job.inputs['root']}".lstrip()
    text = _SCRIPT.format(name=" ".join(given["name"].split()), url=given["url"] or _BESIDE, words=words, initrd=given["initrd"])
    return job.put(text.encode())
