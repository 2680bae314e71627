"""Signatures for Secure Boot: sbsign of the archive, in the sandbox, with the user's key bound into it.

A result is the same whoever signs it again with the same key: RSA signatures of PKCS #1 v1.5 hold nothing random, and the
signing time in them is the one at which the certificate begins to hold.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Problem
from micros.formats.x509 import Certificate, key_modulus
from micros.machine import host_machine
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder
    from micros.plan.described import Signing
    from micros.store.store import Store

KEY, CERTIFICATE = "db.key", "db.crt"
"""What programs are signed with, in a directory made by `micros keys`."""


def signed(build: Builder, program: Digest | Step, name: str) -> Digest | Step:
    """The step that signs a UEFI program; the program itself where nothing is to be signed.

    Raises errors of kind `bad-key`.
    """
    signing = build.plan.signing
    if signing is None:
        return program
    return signature(build.store, build.tools("libfaketime", "sbsigntool"), signing, program, name)


def signature(store: Store, tools: Digest | Step, signing: Signing, program: Digest | Step, name: str) -> Step:
    """The step that signs a program with these keys; `tools` has sbsigntool and libfaketime in it."""
    text, certificate = _checked(signing)
    inputs: dict[str, Digest | Step] = {"root": tools, "certificate": store.add_bytes(text), "program": program}
    argv = ["sbsign", "--key", "/secrets/key", "--cert", "/in/certificate", "--output", "/out/signed", "/in/program"]
    environment = {
        "LD_PRELOAD": f"/usr/lib/{host_machine().gnu}/faketime/libfaketime.so.1",
        "FAKETIME": str(int(certificate.begins.timestamp())),
        "FAKETIME_FMT": "%s",
    }
    parameters = {"argv": argv, "output": "signed", "environment": environment}
    return Step("micros.store.command:run", inputs, parameters, f"{name}, signed", secrets={"key": _file(signing, KEY)})


def _checked(signing: Signing) -> tuple[bytes, Certificate]:
    """The certificate, if it holds today and is that of the key."""
    try:
        text = _read(signing, CERTIFICATE)
        certificate = Certificate.of(text, str(_file(signing, CERTIFICATE)))
        modulus = key_modulus(_read(signing, KEY), str(_file(signing, KEY)))
    except MicrosError as problem:
        (first,) = problem.problems
        raise MicrosError(Problem(first.kind, first.message, signing.notes, first.hint)) from None
    if modulus != certificate.modulus:
        message = f"{_file(signing, KEY)} is not the key of {_file(signing, CERTIFICATE)}"
        raise MicrosError(Problem(Kind.BAD_KEY, message, signing.notes, "take both from one directory that `micros keys` made"))
    now = datetime.now(UTC)
    if not certificate.begins <= now <= certificate.ends:
        words = f"from {certificate.begins:%Y-%m-%d} to {certificate.ends:%Y-%m-%d}, and today is {now:%Y-%m-%d}"
        message = f"{_file(signing, CERTIFICATE)} holds {words}"
        raise MicrosError(Problem(Kind.BAD_KEY, message, signing.notes, "make new keys with `micros keys`, or set the clock"))
    return text, certificate


def _file(signing: Signing, name: str) -> Path:
    return Path(signing.keys) / name


def _read(signing: Signing, name: str) -> bytes:
    path = _file(signing, name)
    try:
        return path.read_bytes()
    except OSError as problem:
        hint = "make keys with `micros keys`" if isinstance(problem, FileNotFoundError) else "it must be yours to read"
        raise MicrosError(Problem(Kind.BAD_KEY, f"{path} cannot be read: {problem.strerror}", (), hint)) from None
