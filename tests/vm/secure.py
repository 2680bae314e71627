"""Keys of Secure Boot for tests, and a machine that was given them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.vm.firmware import Uefi

if TYPE_CHECKING:
    from micros.debian.tools import Toolbox

ENROL = Path(sys.executable).with_name("virt-fw-vars")


class SecureUefi(Uefi):
    """A machine that starts only what these keys have signed."""

    def __init__(self, toolbox: Toolbox, directory: Path, keys: Path) -> None:
        super().__init__(toolbox, directory)
        self.board = ("-M", "q35,smm=on", "-cpu", "Nehalem", "-global", "driver=cfi.pflash01,property=secure,value=on")
        self.code = self.code.with_name("OVMF_CODE_4M.secboot.fd")
        owner = (keys / "GUID").read_text().strip()
        blank = shutil.move(self.variables, directory / "blank.fd")
        command = [ENROL, "--input", blank, "--output", self.variables, "--sb"]
        for option, name in (("--set-pk", "PK"), ("--add-kek", "KEK"), ("--add-db", "db")):
            command += [option, owner, str(keys / f"{name}.crt")]
        subprocess.run(command, check=True, capture_output=True)
