"""Whom TLS programs trust: the authorities of the package ca-certificates, and the user's own."""

from __future__ import annotations

import re

from micros.lang import Complaint, Config, Module, Source, check, defines, option
from micros.modules.environment import Environment
from micros.packages import Package, pkgs

CERTIFICATE = re.compile(r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\n[A-Za-z0-9+/=\s]+-----END (?:TRUSTED )?CERTIFICATE-----")
"""One certificate in PEM (RFC 7468, 5)."""


class Pki(Module, at="security.pki"):
    """Certificate authorities; programs find them in /etc/ssl/certs/ca-certificates.crt."""

    install_ca_certificates: bool = option(
        default=False,
        doc="Bring the authorities that browsers trust. Where a package brings ca-certificates by itself they are there anyway.",
        aliases=["security.pki.installCACerts"],
    )
    certificates: list[str] = option(default=[], doc="More authorities, in PEM.")
    certificate_files: list[Source] = option(
        default=[], doc="The same from files beside the one that names them.", example=["company.pem"]
    )

    @defines(Environment.system_packages, when=install_ca_certificates)
    def packages(self, config: Config) -> list[Package]:
        """Debian's choice of authorities."""
        return [pkgs.ca_certificates]

    @check
    def certificates_are_pem(self, config: Config) -> list[Complaint]:
        """Every text holds certificates."""
        return [
            Complaint(f"security.pki.certificates: {text[:40]!r} holds no certificate in PEM", ("security.pki.certificates",))
            for text in self.certificates
            if not CERTIFICATE.search(text)
        ]
