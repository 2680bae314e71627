"""Programs signed for Secure Boot: by sbverify; where the key goes, which is nowhere; keys that are of no use."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from micros.base.tree import File
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.formats.x509 import Certificate, key_modulus
from micros.machine import host_machine
from micros.plan.artefacts.signing import signature
from micros.plan.described import Signing
from micros.store.step import Step
from tests.conftest import Command

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler
    from tests.conftest import Program

SYSTEM = '[boot.secure_boot]\nkeys = "keys"\n'


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One directory for all tests, with two sets of keys."""
    made = Command(store_root, tmp_path_factory.mktemp("signing"))
    for name in ("keys", "others"):
        assert made("keys", name, "--directory", name).status == 0
    made.write("signed.toml", SYSTEM)
    return made


@pytest.fixture(scope="module")
def sbverify(program: Program) -> str:
    return program("sbsigntool", "sbverify")


def is_signed(sbverify: str, path: Path, certificate: Path) -> bool:
    done = subprocess.run([sbverify, "--cert", certificate, path], capture_output=True, text=True, check=False)
    return done.returncode == 0


def test_the_key_signs_and_stays_where_it_is(micros: Command, sbverify: str) -> None:
    """No bytes of the key in the image, the lock, what is said, or in anything the store got since there is a key."""
    keys = micros.directory / "keys"
    began = (keys / "GUID").stat().st_mtime
    done = micros("build", "signed.toml", "uki", "--verbose")
    assert done.status == 0, done.err
    program = micros.directory / "result/uki.efi"
    assert is_signed(sbverify, program, keys / "db.crt")
    assert not is_signed(sbverify, program, micros.directory / "others/db.crt")
    needles = secrets_of(keys / "db.key")
    found = [program, micros.directory / "micros.lock"]
    found += [path for path in micros.store.rglob("*") if path.is_file() and path.stat().st_mtime >= began]
    assert any(path.is_relative_to(micros.store / "blobs") for path in found)
    for path in found:
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # another builder's scratch
            continue
        assert not any(needle in data for needle in needles), path
        assert str(keys).encode() not in data, f"{path} names the place of the keys"
    assert not any(needle.decode("latin-1") in done.err + done.out for needle in needles)


def secrets_of(key: Path) -> list[bytes]:
    """Lines of a key's PEM, and its prime factors and exponents as they lie in its DER."""
    lines = key.read_bytes().split(b"\n")[1:-2]
    der = base64.b64decode(b"".join(lines))
    values = re.findall(rb"\x02\x81\x81\x00(.{128})", der, re.DOTALL)  # INTEGER of 129 bytes: the factors, and more like them
    assert len(values) >= 2
    return [line for line in lines if len(line) == 64][1:] + values


def test_the_same_key_gives_the_same_bytes(scheduler: Scheduler, micros: Command, tmp_path: Path) -> None:
    """Whenever it signs, and wherever it lies."""
    shutil.copytree(micros.directory / "keys", tmp_path / "moved")
    results = []
    for round_, keys in enumerate((micros.directory / "keys", tmp_path / "moved")):
        step = signing_step(scheduler, keys)
        environment = step.parameters["environment"] | {"ROUND": str(round_)}  # so that it is done twice
        again = Step(step.program, step.inputs, {**step.parameters, "environment": environment}, step.name, secrets=step.secrets)
        results.append(scheduler.run(again))
    assert results[0] == results[1]
    assert scheduler.key(signing_step(scheduler, micros.directory / "keys")) == scheduler.key(
        signing_step(scheduler, tmp_path / "moved")
    )


def signing_step(scheduler: Scheduler, keys: Path) -> Step:
    universe = Universe(scheduler, host_machine(), None, Settings())
    files = scheduler.store.tree(universe.closure(["systemd-boot-efi"]).trees["systemd-boot-efi"])
    program = next(e for path, e in files.items() if path.endswith(".efi") and "systemd-boot" in path and isinstance(e, File))
    tools = tools_tree(universe.closure(["libfaketime", "sbsigntool", SANDBOX_PACKAGE]))
    return signature(scheduler.store, tools, Signing(str(keys), ()), program.digest, "loader")


def refused(micros: Command, *settings: str) -> dict[str, Any]:
    done = micros("build", "signed.toml", "uki", "--json", *[word for one in settings for word in ("--set", one)])
    assert done.status == 1, done.err
    (record,) = done.errors
    return record


def test_keys_of_no_use(micros: Command, program: Program) -> None:
    """Each error names the file, and the line that named the directory."""
    bad, good, others = (micros.directory / name for name in ("bad", "keys", "others"))
    shutil.copytree(good, bad)

    def openssl(*words: str | Path) -> None:
        subprocess.run([program("openssl", "openssl"), *map(str, words)], check=True, capture_output=True)

    def error(words: str) -> None:
        micros.write("signed.toml", SYSTEM.replace('"keys"', '"bad"'))
        record = refused(micros)
        micros.write("signed.toml", SYSTEM)
        assert record["kind"] == "bad-key"
        assert words in record["message"]
        assert str(bad) in record["message"]
        assert record["places"] == [{"file": "signed.toml", "line": 2}]

    shutil.copy(others / "db.key", bad)
    error("is not the key of")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", bad / "db.key")
    error("holds no private RSA key")
    openssl("pkey", "-in", good / "db.key", "-aes256", "-passout", "pass:word", "-out", bad / "db.key")
    error("is encrypted")
    (bad / "db.key").write_text("nothing\n")
    error("holds no private key")
    (bad / "db.key").unlink()
    error("No such file")
    shutil.copy(good / "db.key", bad)
    (bad / "openssl.cnf").write_text("[req]\ndistinguished_name = name\n[name]\n")
    old: list[str | Path] = [
        "-not_before",
        "20200101000000Z",
        "-not_after",
        "20210101000000Z",
        "-subj",
        "/CN=old",
        "-out",
        bad / "db.crt",
    ]
    openssl("req", "-x509", "-new", "-config", bad / "openssl.cnf", "-key", bad / "db.key", *old)
    error("from 2020-01-01 to 2021-01-01")
    (bad / "db.crt").write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    error("holds no certificate of an RSA key")


def test_signing_without_keys(micros: Command) -> None:
    micros.write("signed.toml", "[boot.secure_boot]\nenable = true\n")
    record = refused(micros)
    micros.write("signed.toml", SYSTEM)
    assert record["kind"] == "assertion"
    assert record["places"] == [{"file": "signed.toml", "line": 2}]
    assert "micros keys" in record["hint"]


def test_keys_that_are_not_used(micros: Command, sbverify: str) -> None:
    done = micros("build", "signed.toml", "uki", "--set", "boot.secure_boot.enable=false")
    assert done.status == 0, done.err
    assert not is_signed(sbverify, micros.directory / "result/uki.efi", micros.directory / "keys/db.crt")


def test_keys_and_certificates_as_openssl_reads_them(micros: Command, program: Program, tmp_path: Path) -> None:
    """In both forms that a private key has."""
    openssl, keys = program("openssl", "openssl"), micros.directory / "keys"
    older = tmp_path / "older.key"
    subprocess.run([openssl, "rsa", "-in", keys / "db.key", "-traditional", "-out", older], check=True, capture_output=True)
    said = subprocess.run([openssl, "rsa", "-in", older, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
    modulus = int(said.strip().partition("=")[2], 16)
    assert key_modulus(older.read_bytes(), "it") == key_modulus((keys / "db.key").read_bytes(), "it") == modulus
    certificate = Certificate.of((keys / "db.crt").read_bytes(), "it")
    assert certificate.modulus == modulus
    assert certificate.der == (keys / "db.cer").read_bytes()
    assert (certificate.ends - certificate.begins).days == 3650
