"""Wrappers, authorities, hardening, profiles, and names of NixOS that mean nothing here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micros import micros_system
from micros.base.capabilities import file_capabilities
from micros.base.errors import Kind
from micros.modules.nixos import INSTEAD
from micros.plan.described import SystemPlan
from micros.system import MicrosSystem
from tests.modules.problems import problems

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def plan(*modules: Any) -> SystemPlan:
    return micros_system(modules=list(modules)).plan()


def test_wrappers_are_copies_with_their_own_rights() -> None:
    made = plan(
        {
            "security": {
                "wrapperDir": "/usr/wrappers",
                "wrappers": {
                    "ping": {"source": "${pkgs.iputils_ping}/usr/bin/ping", "capabilities": "cap_net_raw,cap_net_admin+ep"},
                    "su": {"source": "/bin/busybox", "setuid": True, "setgid": True, "group": "tty", "permissions": "u+rwx,g+rx"},
                },
            }
        }
    )
    ping = made.files["usr/lib/micros/wrappers/ping"]
    assert ping["capabilities"] == file_capabilities("cap_net_raw,cap_net_admin+ep").hex()
    assert (ping["copy"], ping["mode"]) == ("usr/bin/ping", "0511")
    su = made.files["usr/lib/micros/wrappers/su"]
    assert su == {"copy": "bin/busybox", "mode": "6750", "uid": 0, "gid": 5}
    assert made.files["usr/wrappers"] == {"link": "/usr/lib/micros/wrappers"}
    assert "export PATH=/usr/wrappers:" in made.files["etc/profile"]["text"]
    assert "iputils-ping" in made.packages


def test_wrappers_that_make_no_sense(tmp_path: Path) -> None:
    text = (
        '[security.wrappers.a]\nsource = "/x"\nsetuid = true\ncapabilities = "cap_kill+ep"\n'
        '[security.wrappers.b]\nsource = "/x"\ncapabilities = "cap_fly+ep"\n'
        '[security.wrappers.c]\nsource = "/x"\nprogram = "b"\n[security.wrappers.d]\nsource = "/x"\nowner = "nil"\n'
    )
    found = problems(tmp_path, text)
    assert {tuple(place.line for place in problem.places if place.file.endswith("box.toml")) for problem in found} >= {
        (3, 4),
        (7,),
        (5, 8),
    }
    assert any("'nil'" in problem.message for problem in found)


@pytest.mark.parametrize("text", ["u+rx,", ",", "u+rxg+x", "u+rxs", "u+rx,,o+x", "4755"])
def test_permissions_that_would_not_be_what_they_say_are_refused(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, f'[security.wrappers.a]\nsource = "/x"\npermissions = "{text}"\n')
    assert found.kind is Kind.WRONG_TYPE
    assert [place.line for place in found.places if place.file.endswith("box.toml")] == [3]


def test_the_link_to_wrappers_is_made_where_there_are_some() -> None:
    def text(path: str, *, enable: bool) -> str:
        wrapper = {"source": "/bin/busybox", "enable": enable}
        made = plan({"security": {"wrapperDir": "/run/my $wrappers", "wrappers": {"a": wrapper}}})
        found: str = made.files[path]["text"]
        return found

    assert "ln -sfn /usr/lib/micros/wrappers '/run/my $wrappers'" in text("etc/micros/activate", enable=True)
    assert "export PATH='/run/my $wrappers:/usr/sbin:" in text("etc/profile", enable=True)
    assert "wrappers" not in text("etc/micros/activate", enable=False)


def test_no_privileged_file_is_declared_by_itself() -> None:
    made = plan({"services": {"getty": {"enable": True}}})
    assert made.privileged == {}
    assert not [path for path, spec in made.files.items() if len(spec.get("mode") or "") > 3 and int(spec["mode"], 8) & 0o6000]


def test_authorities_come_from_texts_and_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(f"Some CA\n{PEM}\nmore\n{PEM}\n")
    file = tmp_path / "box.toml"
    file.write_text(f'[security.pki]\ncertificate_files = ["ca.pem"]\ncertificates = ["""{PEM}"""]\ninstallCACerts = true\n')
    made = MicrosSystem([file]).plan()
    assert made.certificates == (PEM, PEM, PEM)
    assert "ca-certificates" in made.packages
    (found,) = problems(tmp_path, '[security.pki]\ncertificate_files = ["box.toml"]\n')
    assert (found.kind, found.places[0].line) == (Kind.BAD_FILE, 2)
    (found,) = problems(tmp_path, '[security.pki]\ncertificates = ["x"]\n')
    assert (found.kind, found.places[0].line) == (Kind.ASSERTION, 2)


def test_a_text_for_login_without_pam(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '[security.pam]\nlogin_text = "x"\n')
    assert found.places[0].line == 2


def test_pam_services_have_files() -> None:
    made = plan({"security": {"pam": {"enable": True, "services": {"sshd": {}, "su": {"text": "auth required pam_deny.so"}}}}})
    assert "pam_unix.so" in made.files["etc/pam.d/sshd"]["text"]
    assert made.files["etc/pam.d/su"]["text"] == "auth required pam_deny.so"
    assert {"login", "libpam-modules"} <= set(made.packages)


def test_hardening_gives_way_to_a_plain_setting() -> None:
    made = plan({"profiles": {"hardened": {"enable": True}}, "boot": {"kernel": {"sysctl": {"kernel.sysrq": 1}}}})
    settings = dict(line.split("=", 1) for line in made.files["etc/sysctl.conf"]["text"].splitlines())
    assert (settings["kernel.sysrq"], settings["kernel.kptr_restrict"], settings["net.ipv4.tcp_syncookies"]) == ("1", "2", "1")
    assert "lockdown=confidentiality" in made.cmdline
    assert "blacklist dccp\n" in made.files["etc/modprobe.d/micros.conf"]["text"]
    assert "slab_nomerge" in plan({"security": {"hardening": {"enable": True}}}).cmdline
    assert "lockdown" not in plan({"security": {"hardening": {"enable": True}}}).cmdline


def test_profiles_are_defaults() -> None:
    headless = micros_system(modules=[{"profiles": {"headless": {"enable": True}}}]).config
    assert "oops=panic" in headless.boot.kernel_params
    rescue = plan({"profiles": {"rescue": {"enable": True}}})
    assert {"e2fsprogs", "parted", "dosfstools"} <= set(rescue.packages)
    assert "etc/sv/getty/run" in rescue.files or "getty" in str(rescue.files)
    both = micros_system(modules=[{"profiles": {"rescue": {"enable": True}}, "services": {"getty": {"enable": False}}}]).config
    assert both.services.getty.enable is False
    guest = plan({"profiles": {"qemuGuest": {"enable": True}}})
    assert {"virtio_net", "virtio_rng"} <= set(guest.kernel_modules)
    assert "virtio_scsi" in guest.initrd_modules
    container = plan({"profiles": {"lxc": {"enable": True}}})
    assert (container.kernel, container.initrd_shell) == ("", "")


@pytest.mark.parametrize("path", sorted(INSTEAD))
def test_names_of_nixos_are_answered(tmp_path: Path, path: str) -> None:
    (found,) = problems(tmp_path, f"[{path}.some]\nthing = 1\n")
    assert found.hint == INSTEAD[path]
    assert found.places[0].line in (1, 2)
