"""Containers as they are evaluated: what their images say, what they leave to an engine, what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from micros import micros_system
from micros.base.digest import digest_of
from micros.base.errors import Kind
from micros.debian.index import Offer
from micros.plan.artefacts.oci import stacked
from micros.plan.described import SystemPlan
from tests.conftest import Command
from tests.modules.problems import problems

CONTAINER = {"profiles": {"container": {"enable": True}}}


def plan(*modules: Any, target: str = "dist") -> SystemPlan:
    return micros_system(modules=[CONTAINER, *modules]).plan(target)


def told(target: str, **options: Any) -> Any:
    """What the image's plan function is told."""
    return plan({"images": {target.partition("_")[0]: options}}, target=target).artefact.parameters


def test_every_option_is_in_the_image() -> None:
    made = told(
        "oci_image",
        name="registry.test:5000/a/b", tag="v2", version="2.1", layers=7, compression="zstd", level=4,
        entrypoint=["/bin/app"], command=["serve"], environment={"A": "1"}, workingDirectory="/srv", exposedPorts=["53/udp"],
        volumes=["/srv"], stopSignal="SIGINT", labels={"l": "m"}, annotations={"org.opencontainers.image.title": "mine"},
    )  # fmt: skip
    assert (made["name"], made["tag"], made["reference"]) == ("registry.test:5000/a/b", "v2", "registry.test:5000/a/b:v2")
    assert (made["layers"], made["compression"], made["level"]) == (7, "zstd", 4)
    assert made["config"] == {
        "Entrypoint": ["/bin/app"],
        "Cmd": ["serve"],
        "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "A=1"],
        "WorkingDir": "/srv",
        "ExposedPorts": {"53/udp": {}},
        "Volumes": {"/srv": {}},
        "StopSignal": "SIGINT",
        "Labels": {"l": "m"},
    }
    assert made["annotations"] == {"org.opencontainers.image.title": "mine", "org.opencontainers.image.version": "2.1"}
    json.dumps(made)  # plain data throughout


def test_what_is_not_said_follows_from_the_system() -> None:
    made = plan(
        {"system": {"name": "Box"}, "networking": {"sockets": {"tcp/22": ["services.sshd.ports"]}}}, target="docker_image"
    )
    config = made.artefact.parameters["config"]
    assert (config["Entrypoint"], config["ExposedPorts"]) == (["/usr/sbin/init"], {"22/tcp": {}})
    assert made.artefact.parameters["reference"] == "docker.io/library/box:latest"
    assert told("oci_image", name="a/b")["reference"] == "docker.io/a/b:latest"
    assert made.artefact.parameters["first"] == ["busybox", "runit"]


def test_an_image_for_lxc_says_what_it_is() -> None:
    texts = told("lxc_image", description="A box", properties={"release": "7"})["texts"]
    assert '"description": "A box"' in texts["metadata.yaml"]
    assert '"release": "7"' in texts["metadata.yaml"]
    assert texts["create-message"] == "A box\n"


def test_several_machines_are_evaluated_each_by_itself() -> None:
    made = plan({"images": {"oci": {"platforms": ["aarch64-linux", "armhf"]}}}, {"platform": {"host": "x86_64-linux"}})
    assert made.machine == "x86_64"
    assert [variant.machine for variant in made.variants] == ["aarch64", "armv7l"]
    assert plan().variants == ()


def test_an_engine_filters_packets_and_names_servers() -> None:
    made = plan()
    assert "nftables" not in made.packages
    assert made.files["etc/resolv.conf"]["text"] == ""
    asked = plan({"networking": {"firewall": {"enable": True}, "interfaces": {"eth0": {"dhcp": True}}}})
    assert "nftables" in asked.packages
    assert asked.files["etc/resolv.conf"] == {"link": "/run/resolv.conf"}
    assert "nft -f" in asked.files["etc/micros/activate"]["text"]


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("[images.oci]\nlayers = 127", Kind.WRONG_TYPE, 2),
        ('[images.oci]\nname = "Upper"', Kind.WRONG_TYPE, 2),
        ('[images.oci]\ntag = "a b"', Kind.WRONG_TYPE, 2),
        ('[images.oci]\nexposedPorts = ["http"]', Kind.WRONG_TYPE, 2),
        ('[images.oci]\nplatforms = ["vax"]', Kind.WRONG_TYPE, 2),
        ('[images.oci]\n\nplatforms = ["armhf", "armv7l-linux"]', Kind.ASSERTION, 3),
        ("[images.oci]\nlevel = 12", Kind.ASSERTION, 2),
        ('[profiles.container]\nenable = true\n[boot.init]\nbackend = "openrc"', Kind.ASSERTION, 4),
        ('[images.lxc]\ndescription = "a\\nb"', Kind.ASSERTION, 2),
    ],
)
def test_what_cannot_be(tmp_path: Path, text: str, kind: Kind, line: int) -> None:
    (found,) = problems(tmp_path, text)
    assert (found.kind, [where.line for where in found.places]) == (kind, [line])


@pytest.mark.parametrize("target", ["oci_image", "oci_archive", "docker_image", "lxc_image"])
def test_a_system_with_a_kernel_is_no_container(micros: Command, target: str) -> None:
    micros.write("box.toml", "")
    done = micros("build", "box.toml", target, "--json")
    assert (done.status, done.kinds) == (2, ["usage"])


def test_a_container_does_not_boot(micros: Command) -> None:
    micros.write("box.toml", "profiles.container.enable = true")
    done = micros("run", "box.toml", "--json")
    assert (done.status, done.kinds) == (2, ["usage"])


def test_packages_lie_on_what_they_need() -> None:
    needs = {"a": "d", "b": "c | x, virtual", "c": "", "d": "libc (>= 2)", "e": "b", "libc": "loop", "loop": "libc"}
    offers = [
        Offer(name, "1", "amd64", "", 0, digest_of(b""), "", depends=depends, provides="virtual" if name == "e" else "")
        for name, depends in needs.items()
    ]
    assert stacked(offers, ["d", "absent"]) == ["loop", "libc", "d", "a", "c", "e", "b"]
