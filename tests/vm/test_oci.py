"""Container images, read by other people's programs, equal to the root they were made of; and started from what those unpack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from micros.debian.lock import read_lock
from micros.debian.tools import Toolbox
from micros.machine import host_machine
from micros.store.store import Store
from tests.conftest import Command, Program
from tests.vm.containers import boxed, engine

MOST_BYTES = 6_000_000
"""What an image of the container profile may have, compressed."""

BOX = """\
[profiles.container]
enable = true
[images.oci]
name = "group/box"
tag = "1.0"
version = "1.0.3"
labels = { "org.example.team" = "blue" }
environment = { LEVEL = "high" }
exposed_ports = ["80/tcp"]
volumes = ["/var/lib/box"]
[users.ann]
uid = 1000
[system.files."var/lib/box"]
directory = true
mode = "2770"
user = "ann"
[security.wrappers.ping]
source = "/bin/busybox"
capabilities = "cap_net_raw+ep"
[micros.services.hello]
start_script = '''
trap 'echo goodbye; exit 0' TERM
(sleep 0.1 &)
sleep 1
grep -q "^State:.Z" /proc/[0-9]*/status && echo "nobody waits for orphans"
echo "hello from $(hostname)"
[ ! -e /var/off ] || poweroff
while :; do sleep 0.1; done
'''
"""


@pytest.fixture(scope="module")
def box(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A directory with results: a container's images, and all of its root as a plain archive."""
    micros = Command(store_root, tmp_path_factory.mktemp("box"))
    micros.write("box.toml", BOX)
    for target in ("oci_image", "oci_archive", "docker_image", "lxc_image", "toplevel"):
        done = micros("build", "box.toml", target, "-o", target)
        assert done.status == 0, done.err
    return micros


@pytest.fixture(scope="module")
def skopeo(program: Program) -> str:
    return program("skopeo", "skopeo")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bundle(box: Command, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as umoci unpacks it, with the owners where that is allowed: `rootfs`, and runc's config.json."""
    target = tmp_path_factory.mktemp("unpacked") / "bundle"
    mode = [] if os.geteuid() == 0 else ["--rootless"]
    run(program("umoci", "umoci"), "unpack", *mode, "--image", f"{box.directory}/oci_image/oci:1.0", target)
    return target


def in_archive(path: Path) -> dict[str, tuple[object, ...]]:
    """Every entry of a tar archive: kind, mode, owner, attributes, content."""
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content: object = member.linkname
            if member.isreg():
                data = archive.extractfile(member)
                assert data is not None
                content = hashlib.sha256(data.read()).hexdigest()
            capability = member.pax_headers.get("SCHILY.xattr.security.capability", "").encode("utf-8", "surrogateescape")
            kind = stat.S_IFLNK if member.issym() else stat.S_IFDIR if member.isdir() else stat.S_IFREG
            found[member.name] = (kind, member.mode, member.uid, member.gid, capability, content)
    return found


def on_disk(root: Path) -> dict[str, tuple[object, ...]]:
    """The same of a directory."""
    found: dict[str, tuple[object, ...]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        content: object = ""
        attribute = b""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            assert status.st_nlink == 1
        if "security.capability" in os.listxattr(path, follow_symlinks=False):
            attribute = os.getxattr(path, "security.capability", follow_symlinks=False)
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        found[path.relative_to(root).as_posix()] = (kind, mode, status.st_uid, status.st_gid, attribute, content)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_what_umoci_unpacks_is_the_root(box: Command, bundle: Path) -> None:
    expected = in_archive(box.directory / "toplevel/toplevel.tar")
    assert on_disk(bundle / "rootfs") == expected
    assert expected["var/lib/box"][:4] == (stat.S_IFDIR, 0o2770, 1000, 0)
    assert expected["usr/lib/micros/wrappers/ping"][4]


def test_the_image_is_small_and_says_what_it_is(box: Command, skopeo: str) -> None:
    seen: dict[str, Any] = json.loads(run(skopeo, "inspect", f"oci:{box.directory}/oci_image/oci:1.0"))
    sizes = [layer["Size"] for layer in seen["LayersData"]]
    packages = json.loads((box.directory / "oci_image/manifest.json").read_text())["packages"]
    assert len(sizes) == len(packages) + 1
    assert sum(sizes) <= MOST_BYTES
    assert seen["Labels"] == {"org.example.team": "blue"}
    assert "LEVEL=high" in seen["Env"]
    config = json.loads(run(skopeo, "inspect", "--config", f"oci:{box.directory}/oci_image/oci:1.0"))
    assert config["config"]["Entrypoint"] == ["/usr/sbin/init"]
    assert config["config"]["StopSignal"] == "SIGTERM"
    assert config["config"]["ExposedPorts"] == {"80/tcp": {}}
    assert config["config"]["Volumes"] == {"/var/lib/box": {}}
    raw = json.loads(run(skopeo, "inspect", "--raw", f"oci:{box.directory}/oci_image/oci:1.0"))
    assert raw["annotations"] == {
        "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
        "org.opencontainers.image.title": "group/box",
        "org.opencontainers.image.version": "1.0.3",
    }


def test_every_form_of_it_is_the_same_image(box: Command, skopeo: str, tmp_path: Path) -> None:
    """skopeo checks every digest as it copies."""
    layout, copied = f"oci:{box.directory}/oci_image/oci:1.0", f"docker-archive:{tmp_path}/copy.tar:group/box:1.0"
    run(skopeo, "--insecure-policy", "copy", layout, copied)
    forms = [
        layout,
        f"oci-archive:{box.directory}/oci_archive/oci.tar",
        f"docker-archive:{box.directory}/docker_image/docker.tar",
        copied,
    ]
    configs = [json.loads(run(skopeo, "inspect", "--config", form)) for form in forms]
    assert all(config["rootfs"] == configs[0]["rootfs"] for config in configs)
    assert all(config["config"]["Env"] == configs[0]["config"]["Env"] for config in configs)
    with tarfile.open(box.directory / "docker_image/docker.tar") as archive:
        assert "repositories" in archive.getnames()


def test_it_starts_and_ends_at_sigterm_with_its_services(bundle: Path, toolbox: Toolbox) -> None:
    with boxed(toolbox, bundle / "rootfs") as running:
        running.expect("hello from crate")
        running.signal(signal.SIGTERM)
        assert running.status() == 0, running.lines
    assert running.lines[-2:] == ["MicrOS: stopping", "goodbye"], running.lines
    assert not [line for line in running.lines if "failed" in line or "orphans" in line], running.lines


def test_it_starts_again_with_what_it_left(bundle: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    """As after `docker stop` and `docker start`; the second time it turns itself off."""
    root = tmp_path / "root"
    shutil.copytree(bundle / "rootfs", root, symlinks=True)
    for ending in ("SIGPWR", "poweroff"):
        with boxed(toolbox, root, run_is_memory=False) as running:
            running.expect("hello from crate")
            if ending == "SIGPWR":
                running.signal(signal.SIGPWR)
            assert running.status() == 0, running.lines
        assert running.lines[-1] == "goodbye", running.lines
        (root / "var/off").touch()


def test_a_changed_file_packs_one_layer(box: Command, tmp_path: Path) -> None:
    micros = Command(box.store, tmp_path)
    shutil.copy(box.directory / "micros.lock", tmp_path)
    line = hashlib.sha256(os.fsencode(tmp_path)).hexdigest()
    micros.write("box.toml", BOX.replace("uid = 1000", f'uid = 1000\n[environment.etc.motd]\ntext = "{line}"'))
    done = micros("build", "box.toml", "oci_image", "--json")
    assert done.status == 0, done.err
    steps = [event["name"] for event in done.events if event["event"] == "step" and "seconds" in event]
    packed = [name for name in steps if name.startswith("layer")]
    assert packed == ["layer of the system"]
    before, after = layers(box.directory / "oci_image/oci"), layers(tmp_path / "result/oci")
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def layers(layout: Path) -> list[str]:
    """Digests of the layers of a layout of one image."""

    def document(digest: str) -> Any:
        return json.loads((layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())

    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return [layer["digest"] for layer in document(entry["digest"])["layers"]]


def test_one_layout_for_several_machines(box: Command, skopeo: str, tmp_path: Path) -> None:
    micros = Command(box.store, tmp_path)
    platforms = '[images.oci]\nplatforms = ["aarch64-linux", "x86_64-linux"]\n'
    micros.write("box.toml", BOX.replace("[images.oci]\n", platforms))
    done = micros("build", "box.toml", "oci_image", "--json")
    assert done.status == 0, done.err
    assert set(read_lock(tmp_path / "micros.lock")) == {"amd64", "arm64"} | {host_machine().debian}
    for architecture in ("amd64", "arm64"):
        target = tmp_path / architecture
        told = ["--insecure-policy", "--override-arch", architecture, "copy"]
        run(skopeo, *told, f"oci:{tmp_path}/result/oci:1.0", f"oci:{target}:1.0")
        config = json.loads(run(skopeo, "inspect", "--config", f"oci:{target}:1.0"))
        assert config["architecture"] == architecture
        here = architecture == host_machine().debian
        assert (layers(target) == layers(box.directory / "oci_image/oci")) is here


def test_the_same_bytes_with_another_umask_clock_zone_and_store(box: Command, tmp_path: Path) -> None:
    here, there = Store(box.store), Store(tmp_path / "store")
    for pins in read_lock(box.directory / "micros.lock").values():
        for offer in pins.packages.values():
            if here.has(offer.sha256):
                shutil.copyfile(here.path(offer.sha256), there.blob_path(offer.sha256))
    there.close()
    here.close()
    micros = Command(tmp_path / "store", tmp_path)
    micros.write("box.toml", BOX)
    shutil.copy(box.directory / "micros.lock", tmp_path)
    done = micros.after("import os; os.umask(0o077)", "build", "box.toml", "oci_image", "--json", TZ="Asia/Tokyo", LC_ALL="C")
    assert done.status == 0, done.err
    assert contents(tmp_path / "result/oci") == contents(box.directory / "oci_image/oci")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_an_image_for_lxc_and_incus(box: Command) -> None:
    yaml = pytest.importorskip("yaml")
    with tarfile.open(box.directory / "lxc_image/metadata.tar.xz") as archive:
        texts = {member.name: archive.extractfile(member) for member in archive}
        described = yaml.safe_load(texts["metadata.yaml"])
        config = texts["config"].read().decode()  # type: ignore[union-attr]
    assert described["creation_date"] > 0
    assert described["architecture"] in config
    assert described["properties"]["os"] == "MicrOS"
    assert {"config-user", "create-message"} < set(texts)
    assert "lxc.init.cmd = /usr/sbin/init" in config
    assert in_archive(box.directory / "lxc_image/rootfs.tar.xz") == in_archive(box.directory / "toplevel/toplevel.tar")


RUNC = """\
runc --root /run/r run -b /box box </dev/null >/tmp/log 2>&1 &
seen /tmp/log
runc --root /run/r kill box TERM
wait $!
cat /tmp/log
"""

PODMAN = """\
mkdir -p /etc/containers /var/lib /var/tmp
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
podman() {
    /usr/bin/podman --storage-driver vfs --root /var/lib/c --runroot /run/c --cgroup-manager cgroupfs \\
        --events-backend none --runtime runc "$@"
}
podman run --name box --network=none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 oci:/box/oci_image/oci >/tmp/log 2>&1 &
seen /tmp/log
podman stop box
wait $!
podman load -i /box/docker_image/docker.tar
podman load -i /box/oci_archive/oci.tar
cat /tmp/log
"""

LXC = """\
mkdir -p /var/lib/lxc/box/rootfs /etc/lxc /run/lxc /var/mount
cd /var/lib/lxc/box
tar -xJf /box/lxc_image/rootfs.tar.xz -C rootfs
tar -xJf /box/lxc_image/metadata.tar.xz
# As its template puts a container's configuration together; these lines are what it takes from elsewhere.
sed -i 's#LXC_TEMPLATE_CONFIG#/etc/lxc#' config
cat >>config <<END
lxc.rootfs.path = dir:/var/lib/lxc/box/rootfs
lxc.rootfs.mount = /var/mount
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.console.logfile = /tmp/log
END
echo 'lxc.mount.auto = proc:mixed sys:mixed' >/etc/lxc/common.conf
lxc-start -P /var/lib/lxc -n box -F </dev/null >/tmp/start 2>&1 &
seen /tmp/log
lxc-stop -P /var/lib/lxc -n box -t 20
wait $!
cat /tmp/log
"""


@pytest.fixture(scope="module")
def root_of_the_machine(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Engines need cgroups and namespaces that only root has, and not every root."""
    if os.geteuid() != 0:
        pytest.skip("this machine's cgroups are root's")
    try:
        engine(toolbox, ["runc"], tmp_path_factory.mktemp("probe"), "mkdir /tmp/at && busybox mount -t tmpfs at /tmp/at")
    except AssertionError as problem:
        pytest.skip(f"this root may mount nothing: {problem}")


@pytest.mark.slow
@pytest.mark.usefixtures("root_of_the_machine")
def test_runc_runs_it(bundle: Path, toolbox: Toolbox) -> None:
    config = bundle / "config.json"
    told = json.loads(config.read_text())
    told["process"]["terminal"] = False
    config.write_text(json.dumps(told))
    said = engine(toolbox, ["runc"], bundle, RUNC)
    assert said.splitlines()[-2:] == ["MicrOS: stopping", "goodbye"], said


@pytest.mark.slow
@pytest.mark.usefixtures("root_of_the_machine")
def test_podman_runs_it_and_loads_the_archives(box: Command, toolbox: Toolbox) -> None:
    said = engine(toolbox, ["podman", "runc", "conmon", "crun", "netavark", "aardvark-dns"], box.directory, PODMAN)
    assert said.splitlines()[-2:] == ["MicrOS: stopping", "goodbye"], said
    assert said.count("Loaded image: docker.io/group/box:1.0\n") == 2, said


@pytest.mark.slow
@pytest.mark.usefixtures("root_of_the_machine")
def test_lxc_runs_it(box: Command, toolbox: Toolbox) -> None:
    said = engine(toolbox, ["lxc"], box.directory, LXC)
    assert said.splitlines()[-2:] == ["MicrOS: stopping", "goodbye"], said
