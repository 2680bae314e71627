"""`micros password`: a hash that the accounts take, other than the last one of the same password."""

from __future__ import annotations

import json
import subprocess
import sys

from micros import micros_system
from micros.base.crypt import sha512_crypt


def hashed(password: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "micros", "password", *arguments]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=False)


def test_a_line_becomes_a_hash_with_a_new_salt() -> None:
    first, second = hashed("secret\n"), json.loads(hashed("secret", "--json").stdout)["hash"]
    _, kind, salt, _ = first.stdout.strip().split("$")
    assert (kind, len(salt)) == ("6", 16)
    assert sha512_crypt("secret", salt) == first.stdout.strip()
    assert second != first.stdout.strip()
    micros_system(modules=[{"users": {"ann": {"hashedPassword": second}}}]).plan()


def test_nothing_is_no_password() -> None:
    done = hashed("\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "login_without_password" in done.stderr
