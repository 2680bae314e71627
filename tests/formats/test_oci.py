"""Layers and layouts of container images, as values; tests/vm/test_oci.py has other people's programs read them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.trees import MemoryBlobs, MemoryJob, trees

from micros.base.digest import Digest, digest_of
from micros.base.tree import Directory, Entry, File, Tree
from micros.formats import oci, tar_writer
from micros.formats.oci_layers import grouped, split


def stacked(layers: list[tuple[int | None, Tree]]) -> Tree:
    """What an engine makes of layers that hide nothing."""
    found: dict[str, Entry] = {}
    for _, layer in layers:
        for path, entry in layer.items():
            assert path not in found or isinstance(entry, Directory), f"{path} is in two layers"
            found[path] = entry
    return Tree.of(found.items())


@settings(max_examples=100, deadline=None)
@given(trees(), st.data())
def test_layers_put_together_are_the_whole(made: tuple[Tree, MemoryBlobs], data: st.DataObject) -> None:
    """Some entries belong to packages, some of which the system overrides, leaves out or gives another mode."""
    whole = made[0]
    owners = [data.draw(st.integers(0, 3)) for _ in whole]
    parts: list[dict[str, Entry]] = [{}, {}, {}, {}]
    for (path, entry), owner in zip(whole.items(), owners, strict=True):
        part = parts[owner]
        part[path] = entry
        if data.draw(st.booleans()):
            match entry:
                case File():
                    part[path] = entry._replace(mode=entry.mode ^ 0o100)
                case Directory():
                    part[path] = entry._replace(mode=entry.mode ^ 0o100)
                case _:
                    del part[path]
    for part in parts:
        for path in list(part):
            for above in (path[:at] for at, letter in enumerate(path) if letter == "/"):
                part.setdefault(above, Directory())
    parts[0]["left out"] = Directory()
    packages = [Tree.of(part.items()) for part in parts[:3]]
    layers = split(whole, [[packages[0]], packages[1:]])
    assert stacked(layers) == whole
    assert layers[-1][0] is None
    assert split(whole, []) == [(None, whole)]


def test_what_the_system_adds_leaves_layers_of_packages_as_they_are() -> None:
    blobs = MemoryBlobs()
    package = Tree.of([("usr/bin/tool", blobs.file(b"tool", 0o755)), ("var/lib/tool", Directory(0o700, 7, 7))])
    first: dict[str, Entry] = {"etc/a": blobs.file(b"a")}
    second: dict[str, Entry] = {"usr/bin/other": blobs.file(b"b"), "var/lib/tool": Directory(0o711)}
    for own in (first, second):
        whole = Tree.of((dict(package.items()) | own).items())
        (number, layer), (_, rest) = split(whole, [[package]])
        assert (number, layer) == (0, package)
        assert set(own) <= set(rest)
        assert "usr/bin/tool" not in rest


def test_a_file_that_the_system_replaces_is_in_its_layer_alone() -> None:
    blobs = MemoryBlobs()
    package = Tree.of([("etc/conf", blobs.file(b"theirs")), ("etc/more", blobs.file(b"more"))])
    whole = Tree.of([("etc/conf", blobs.file(b"ours")), ("etc/more", blobs.file(b"more"))])
    (_, layer), (_, rest) = split(whole, [[package]])
    assert (list(layer), list(rest)) == (["etc", "etc/more"], ["etc", "etc/conf"])


def test_packages_in_as_many_groups_as_there_may_be() -> None:
    sizes = {"a": 1, "b": 40, "c": 2, "d": 30}
    assert grouped(["a", "b", "c", "d"], sizes, 4) == [["a"], ["b"], ["c"], ["d"]]
    assert grouped(["a", "b", "c", "d"], sizes, 3) == [["b"], ["d"], ["a", "c"]]
    assert grouped(["a", "b", "c", "d"], sizes, 1) == [["a", "b", "c", "d"]]
    assert grouped(["a", "b", "c", "d"], sizes, 0) == []


def a_layer(directory: Path, tree: Tree, blobs: MemoryBlobs, compression: str = "gzip") -> tuple[MemoryJob, Digest]:
    directory.mkdir()
    job = MemoryJob(directory, tree, blobs, {"compression": compression, "level": 3})
    return job, oci.layer(job)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_layer_is_an_archive_and_names_it(tmp_path: Path, compression: str) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of([("a", blobs.file(b"x" * 3_000_000)), ("b", blobs.file(b"y", 0o4755, uid=3))])
    job, digest = a_layer(tmp_path / "one", tree, blobs, compression)
    made = job.tree(digest)
    layer, diff_id = made["layer"], made["diff_id"]
    assert isinstance(layer, File)
    assert isinstance(diff_id, File)
    packed = job.read(layer.digest)
    data = gzip.decompress(packed) if compression == "gzip" else zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert data == b"".join(tar_writer.archive(tree, blobs))
    assert job.read(diff_id.digest).decode() == digest_of(data)
    assert layer.size == len(packed)
    assert a_layer(tmp_path / "two", tree, blobs, compression)[1] == digest


def a_layout(directory: Path, **more: Any) -> tuple[MemoryJob, Tree]:
    """The layout of two machines whose lowest layer is the same."""
    blobs = MemoryBlobs()
    common = Tree.of([("common", blobs.file(b"1"))])
    job, first = a_layer(directory, common, blobs)
    inputs = {"x86_64:0": first, "armv7l:0": first}
    for machine in ("x86_64", "armv7l"):
        inner, digest = a_layer(directory / machine, Tree.of([(machine, blobs.file(machine.encode()))]), blobs)
        job.contents |= inner.contents
        inputs[f"{machine}:1"] = digest
    job.inputs = inputs
    images = [
        {
            "machine": machine,
            "platform": platform,
            "config": {"Cmd": ["x"]},
            "annotations": {"a": "b"},
            "packages": ["p 1", "own"],
        }
        for machine, platform in (("x86_64", ["amd64", ""]), ("armv7l", ["arm", "v7"]))
    ]
    job.parameters = {"images": images, "compression": "gzip", "tag": "1.0", "reference": "docker.io/group/app:1.0", **more}
    return job, job.tree(oci.layout(job))


def document(job: MemoryJob, tree: Tree, path: str) -> Any:
    entry = tree[path]
    assert isinstance(entry, File)
    return json.loads(job.read(entry.digest))


def test_several_machines_are_an_index_and_share_layers(tmp_path: Path) -> None:
    job, tree = a_layout(tmp_path / "layout")
    for path, entry in tree.items():
        if path.startswith("blobs/sha256/") and isinstance(entry, File):
            assert path.rpartition("/")[2] == entry.digest
    (top,) = document(job, tree, "index.json")["manifests"]
    assert top["annotations"] == {
        "org.opencontainers.image.ref.name": "1.0",
        "io.containerd.image.name": "docker.io/group/app:1.0",
    }
    assert top["mediaType"] == oci.INDEX
    manifests = document(job, tree, oci.blob_path(top["digest"]))["manifests"]
    assert [entry["platform"] for entry in manifests] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    images = [document(job, tree, oci.blob_path(entry["digest"])) for entry in manifests]
    assert images[0]["layers"][0] == images[1]["layers"][0]
    assert images[0]["layers"][1] != images[1]["layers"][1]
    for image in images:
        config = document(job, tree, oci.blob_path(image["config"]["digest"]))
        assert (config["created"], config["config"]) == (oci.CREATED, {"Cmd": ["x"]})
        assert len(config["rootfs"]["diff_ids"]) == len(image["layers"]) == len(config["history"]) == 2
        assert all(layer["size"] > 0 and oci.blob_path(layer["digest"]) in tree for layer in image["layers"])
    assert "manifest.json" not in tree


def test_docker_finds_config_layers_and_name(tmp_path: Path) -> None:
    job, tree = a_layout(tmp_path / "layout", docker="group/app")
    (record,) = document(job, tree, "manifest.json")
    assert record["RepoTags"] == ["group/app:1.0"]
    assert all(path in tree for path in (record["Config"], *record["Layers"]))
    assert document(job, tree, "repositories") == {"group/app": {"1.0": record["Layers"][-1].rpartition("/")[2]}}
