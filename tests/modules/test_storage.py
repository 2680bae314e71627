"""What options about the kernel, mounts and storage mean, as text of the files they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micros import system
from micros.base.errors import Kind, MicrosError
from micros.modules import Boot, FileSystem, FileSystems, FsPackages, Initrd, Mounts, Root, SpecialFileSystem, System
from micros.packages import pkgs
from micros.system import MicrosSystem


def text(data: dict[str, Any], path: str) -> str:
    return system(data).config[System].files[path].text


def problem(data: dict[str, Any]) -> str:
    with pytest.raises(MicrosError) as caught:
        system(data).evaluation.check()
    assert caught.value.kind is Kind.ASSERTION
    return str(caught.value)


def settings(data: dict[str, Any]) -> dict[str, str]:
    """What stage 1 is told."""
    lines = system(data).config[Initrd].files["etc/micros/stage-1"].text.splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def test_the_kernels_package_has_the_parents_name() -> None:
    for name in ("kernelPackages", "kernel_packages", "kernel_package"):
        assert system({"boot": {name: "linux-image-amd64"}}).config[Boot].kernel_package == pkgs.linux_image_amd64


def test_sysctl_writes_what_nixos_takes() -> None:
    values = {"b": True, "c": False, "a.b": 7, "d": "word", "e": None}
    assert text({"boot": {"kernel": {"sysctl": values}}}, "etc/sysctl.conf") == "a.b=7\nb=1\nc=0\nd=word\n"


def test_patches_of_a_kernel_that_is_already_compiled_are_refused() -> None:
    assert "boot.kernel_package" in problem({"boot": {"kernelPatches": [{"name": "x"}]}})


@pytest.mark.parametrize("size", ["0", "101%", "1t", "-1", "", "many"])
@pytest.mark.parametrize("option", ["dev_size", "dev_shm_size", "run_size"])
def test_sizes_are_sizes(option: str, size: str) -> None:
    with pytest.raises(MicrosError) as caught:
        system({"boot": {option: size}}).evaluation.check()
    assert caught.value.kind is Kind.WRONG_TYPE


def test_mounts_come_after_what_they_need() -> None:
    entries = {"/a/b": {"device": "/dev/x1"}, "/a": {"device": "/dev/x2"}, "/c": {"device": "/a/b/file", "options": ["loop"]},
               "/b": {"device": "/dev/x3", "depends": ["/c"]}, "/off": {"enable": False}}  # fmt: skip
    order = [entry.mount_point for entry in system({"fileSystems": entries}).config[FileSystems].enabled()]
    assert order == ["/a", "/a/b", "/c", "/b"]


def test_what_the_boot_needs_brings_what_it_lies_on() -> None:
    entries = {"/a/b": {"device": "/dev/x1", "neededForBoot": True}, "/a": {"device": "/dev/x2"}, "/c": {"device": "/dev/x3"}}
    assert system({"fileSystems": entries}).config[FileSystems].needed() == {"/a", "/a/b"}
    assert settings({"fileSystems": entries})["needed"] == "1"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"/a": {"device": "/dev/x", "depends": ["/b"]}}, ["/a needs /b"]),
        ({"/a": {"device": "/dev/x", "depends": ["/b"]}, "/b": {"device": "/dev/y", "depends": ["/a"]}}, ["/a -> /b -> /a"]),
        ({"/a": {"device": "/dev/x"}, "other": {"device": "/dev/y", "mountPoint": "/a"}}, ["'/a'", "'other'", "same"]),
        ({"/a": {"device": "/dev/x", "fsType": "ext4"}, "/b": {"device": "/dev/x", "fsType": "vfat"}}, ["ext4", "vfat"]),
        ({"/a": {"label": "x", "fsType": "ext4", "autoFormat": True}}, ["LABEL=x"]),
        ({"/a": {"device": "/dev/x", "fsType": "iso9660", "autoFormat": True}}, ["iso9660"]),
        ({"/a": {"device": "/dev/x", "fsType": "vfat", "autoResize": True}}, ["vfat", "grow"]),
        ({"/a": {"device": "/dev/x", "fsType": "squashfs", "options": ["rw"]}}, ["squashfs", "`rw`"]),
        ({"/a": {"fsType": "ext4"}}, ["neither device nor label"]),
        ({"a": {"device": "/dev/x"}}, ["'a'", "slash"]),
    ],
)
def test_file_systems_that_cannot_be(entries: dict[str, Any], words: list[str]) -> None:
    said = problem({"fileSystems": entries})
    assert all(word in said for word in words), said


def test_tools_come_only_where_they_are_needed() -> None:
    def tools(entry: dict[str, Any]) -> list[str]:
        return [one.name for one in system({"fileSystems": {"/a": {"device": "/dev/x", **entry}}}).config[FsPackages].fs_packages]

    assert tools({"fsType": "ext4"}) == ["e2fsprogs"]
    assert tools({"fsType": "ext4", "noCheck": True}) == []
    assert tools({"fsType": "ext4", "noCheck": True, "autoFormat": True}) == ["e2fsprogs"]
    assert tools({"fsType": "squashfs"}) == []


@pytest.mark.parametrize("kind", ["squashfs", "iso9660", "erofs"])
def test_what_can_only_be_read_is_mounted_so(kind: str) -> None:
    def mounted(**entry: Any) -> tuple[str, str]:
        """The call that mounts it, and its line of /etc/fstab."""
        box = system({"fileSystems": {"/a": {"device": "/dev/x", **entry}}})
        return box.config[FileSystems].script().rstrip(), box.config[System].files["etc/fstab"].text.splitlines()[-1]

    assert mounted(fsType=kind) == (f"one /a /dev/x {kind} ro wait ''", f"/dev/x /a {kind} ro 0 0")
    words = ["nosuid", "nofail"]
    assert mounted(fsType=kind, options=words) == (
        f"one /a /dev/x {kind} ro,nosuid '' ''",
        f"/dev/x /a {kind} ro,nosuid,nofail 0 0",
    )
    assert mounted(fsType=kind, options=["loop", "ro"])[1] == f"/dev/x /a {kind} loop,ro 0 0"
    assert mounted(fsType="btrfs") == ("one /a /dev/x btrfs defaults wait ''", "/dev/x /a btrfs defaults 0 0")
    root = system({"fileSystems": {"/": {"device": "/dev/x", "fsType": kind, "options": ["nosuid"]}}})
    assert root.config[Root].options == ["ro", "nosuid"]


def test_swap_is_switched_on_in_the_order_it_is_to_be_used() -> None:
    devices = [{"device": "/dev/a"}, {"device": "/dev/b", "priority": 1}, {"device": "/c", "priority": 9, "size": 2}]
    script = system({"swapDevices": devices}).config[FileSystems].script()
    assert script == "swap_on /c 2\nswap_on /dev/b ''\nswap_on /dev/a ''\n"


def test_a_disk_takes_the_place_of_memory() -> None:
    box = system(FileSystems(file_systems={"/var": FileSystem(device="/dev/vdb", fs_type="ext4")}))
    assert "/var" not in [entry.mount_point for entry in box.config[Mounts].in_order()]
    assert "var tmpfs" not in box.config[Mounts].script(stage_1=False)


def test_special_file_systems_have_an_order_too() -> None:
    assert "/x -> /y -> /x" in problem({"boot": {"specialFileSystems": {"/x": {"depends": ["/y"]}, "/y": {"depends": ["/x"]}}}})
    assert "/x needs /z" in problem({"boot": {"specialFileSystems": {"/x": {"depends": ["/z"]}}}})


def test_special_file_systems_are_as_declared() -> None:
    entry = SpecialFileSystem(device="me", fs_type="ramfs", options=["mode=0700"], mount_point="/y", needed_for_boot=True)
    script = system(Mounts(special_file_systems={"x": entry})).config[Mounts].script(stage_1=True)
    assert "special_mount me /y mode=0700 ramfs\n" in script
    without = system(Mounts(special_file_systems={"/tmp": SpecialFileSystem(enable=False)}))
    assert "/tmp" not in without.config[Mounts].script(stage_1=False)


def test_file_systems_may_be_elsewhere_or_off() -> None:
    entries = {"shelf": FileSystem(device="/dev/x", mount_point="/srv"), "/off": FileSystem(device="/dev/y", enable=False)}
    box = system(FileSystems(file_systems=entries))
    assert [entry.mount_point for entry in box.config[FileSystems].enabled()] == ["/srv"]
    assert "/dev/y" not in box.config[System].files["etc/fstab"].text


def test_packages_with_modules_and_with_programs_reach_the_plan() -> None:
    plan = system(Boot(extra_module_packages=[pkgs.more_modules]), FsPackages(fs_packages=[pkgs.xfsprogs])).plan()
    assert plan.module_packages == ("more-modules",)
    assert "xfsprogs" in plan.packages
    assert "more-modules" not in plan.packages


def test_where_the_root_is_said_as_the_parents_template_says_it() -> None:
    entries = {
        "/": {"fsType": "tmpfs"},
        "/iso": {"label": "BOOT", "fsType": "iso9660", "neededForBoot": True},
        "/nix/.ro-store": {"device": "/iso/root.squashfs", "fsType": "squashfs", "options": ["loop"], "neededForBoot": True},
    }
    told = settings({"fileSystems": entries})
    assert (told["root"], told["file"], told["changes"]) == ("LABEL=BOOT", "root.squashfs", "tmpfs")
    assert {"overlay", "loop", "isofs", "squashfs"} <= set(system({"fileSystems": entries}).config[Initrd].kernel_modules)


def test_the_root_may_be_any_partition() -> None:
    box = system({"fileSystems": {"/": {"device": "PARTUUID=1-2", "fsType": "ext4", "options": ["rw"]}}})
    root = box.config[Root]
    assert (root.device, root.fs_type, root.options) == ("PARTUUID=1-2", "ext4", ["rw"])
    assert (
        text({"fileSystems": {"/": {"device": "PARTUUID=1-2", "fsType": "ext4"}}}, "etc/fstab") == "PARTUUID=1-2 / ext4 ro 0 0\n"
    )


def test_changes_that_go_to_a_partition_need_one() -> None:
    assert "storage.data" in problem({"storage": {"root": {"writable": "data"}}})


@pytest.mark.parametrize("path", ["/", "var", "/a b", "/a/*", "/a/..", "/./a"])
def test_data_directories_are_below_the_root(path: str) -> None:
    with pytest.raises(MicrosError) as caught:
        system({"storage": {"data": {"enable": True, "directories": ["/home/.cache", path]}}}).evaluation.check()
    assert caught.value.kind is Kind.WRONG_TYPE
    assert f'got: "{path}"' in str(caught.value)


def test_a_root_found_by_a_label_with_a_space_is_one_field_of_fstab() -> None:
    line = text({"storage": {"root": {"device": "LABEL=my root"}}}, "etc/fstab").splitlines()[0]
    assert line.split(" ") == ["LABEL=my\\040root", "/", "squashfs", "ro", "0", "0"]


def test_all_faults_of_file_systems_are_told_at_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text(
        '[file_systems."/a"]\ndevice = "/dev/x"\nfs_type = "vfat"\nauto_resize = true\n'
        '[file_systems."/b"]\ndevice = "/dev/x"\nfs_type = "iso9660"\nauto_format = true\noptions = ["rw"]\n'
        '[file_systems.c]\ndevice = "/dev/y"\n[file_systems."/d"]\nfs_type = "ext4"\n'
    )
    with pytest.raises(MicrosError) as caught:
        MicrosSystem([file]).evaluation.check()
    lines = [[place.line for place in one.places if place.file == str(file)] for one in caught.value.problems]
    assert sorted(lines) == [[3, 7], [4], [8], [9], [10], [12]]


def test_what_is_off_is_not_judged() -> None:
    off = {"enable": False, "device": "/dev/x", "fsType": "vfat", "autoResize": True}
    system({"fileSystems": {"/a": off}}).evaluation.check()


def test_modules_of_services_are_traced_to_who_named_them() -> None:
    given = {"services": {"mdevd": {"enable": True, "kernelModules": ["warp"]}, "rngd": {"enable": True, "drivers": ["dice"]}}}
    places = system(given).plan().module_places
    assert {name: [note.text for note in places[name]] for name in ("warp", "dice")} == {
        "warp": ["services.mdevd.kernel_modules"],
        "dice": ["services.rngd.drivers"],
    }
    assert "iso9660" in problem({"storage": {"data": {"enable": True, "fsType": "iso9660"}}})


def test_the_compressors_arguments_are_its_strength() -> None:
    def level(**initrd: Any) -> int:
        return system({"boot": {"initrd": initrd}}).config[Initrd].level

    assert level(compressorArgs=["-7"]) == 7
    assert level() == 0
    assert "--long" in problem({"boot": {"initrd": {"compressorArgs": ["-3", "--long"]}}})
    assert "xz takes 1 to 9" in problem({"boot": {"initrd": {"compressor": "xz", "level": 12}}})


def test_a_container_mounts_no_disk() -> None:
    box = system({"boot": {"isContainer": True}, "fileSystems": {"/a": {"device": "/dev/x", "fsType": "ext4"}}})
    script = box.config[System].files["usr/lib/micros/mount-all"].text
    assert "/dev/x" not in script
    assert "special_mount run /run" in script
    assert not box.config[Initrd].enable
    assert box.config[Initrd].kernel_modules == []
    assert box.config[FsPackages].fs_packages == []
