"""OCI images (image specification 1.1): layers, and the layout that holds one image for each machine.

    oci-layout                {"imageLayoutVersion": "1.0.0"}
    index.json                the image, or an index of one image for each machine, and its tag
    blobs/sha256/<digest>     index of machines, manifests, configurations, layers

An image for `docker load` is the same directory with `manifest.json` and `repositories` beside (Docker image specification
1.2, combined image JSON), which Docker writes this way since version 25 and always read.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from micros.base.digest import canonical_json, digest_of
from micros.base.tree import File, Tree
from micros.formats.compress import stream_compressor
from micros.formats.tar_writer import archive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from micros.base.digest import Digest
    from micros.base.step import Job

CREATED = "1970-01-01T00:00:00Z"
"""The time of every image: its content says what it is."""

_PREFIX = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG = (f"{_PREFIX}{name}.v1+json" for name in ("index", "manifest", "config"))
LAYERS = {"gzip": f"{_PREFIX}layer.v1.tar+gzip", "zstd": f"{_PREFIX}layer.v1.tar+zstd"}
"""Media types of layers by their compression."""

_PIECE_BYTES = 1 << 20
_BLOBS = "blobs/sha256"


def layer(job: Job) -> Digest:
    """Step program: one layer, as a tree of `layer`, the compressed archive, and `diff_id`, the digest of the archive itself.

    Input `tree`; parameters `compression` (gzip, zstd) and `level`.
    """
    compressor = stream_compressor(job.parameters["compression"], job.parameters["level"])
    hasher = hashlib.sha256()
    out = job.scratch / "layer"
    size = 0
    with out.open("wb") as stream:
        for piece in _joined(archive(job.tree(job.inputs["tree"]), job)):
            hasher.update(piece)
            size += stream.write(compressor.compress(piece))
        size += stream.write(compressor.flush())
    diff_id = hasher.hexdigest().encode()
    files = [("layer", File(job.put_file(out), size)), ("diff_id", File(job.put(diff_id), len(diff_id)))]
    return job.put_tree(Tree.of(files))


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least `_PIECE_BYTES`: most of an archive's are small."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


class Layout:
    """The blobs of a layout under construction."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.files: dict[str, File] = {}

    def add(self, file: File) -> None:
        """A blob that the store has."""
        self.files[f"{_BLOBS}/{file.digest}"] = file

    def put(self, name: str, document: object) -> File:
        """A document under a name of its own."""
        data = canonical_json(document)
        made = self.files[name] = File(self._job.put(data), len(data))
        return made

    def put_blob(self, document: object) -> File:
        """A document as a blob."""
        data = canonical_json(document)
        return self.put(f"{_BLOBS}/{digest_of(data)}", document)


def layout(job: Job) -> Digest:
    """Step program: the layout of images, as a tree.

    Inputs: `<machine>:<number>`, results of `layer`, lowest first. Parameters: `images`, a record for each machine
    (`machine`, `platform`: architecture and variant, `config`: of the image specification's config.md, `annotations`,
    `packages`: what each layer holds); `compression`; `tag`; `reference`, the whole name with registry and tag; and `docker`,
    the name of the image, where `docker load` is to read it.
    """
    made = Layout(job)
    told = job.parameters
    manifests = [_image(job, made, image) for image in told["images"]]
    # Tools that import layouts name the image by the second (containerd's, and Docker's and podman's too).
    names = {"org.opencontainers.image.ref.name": told["tag"], "io.containerd.image.name": told["reference"]}
    if len(manifests) == 1:
        entries = [{**manifests[0], "annotations": names}]
    else:
        annotations = told["images"][0]["annotations"]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": annotations}
        entries = [_descriptor(INDEX, made.put_blob(index), annotations=names)]
    made.put("index.json", {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    made.put("oci-layout", {"imageLayoutVersion": "1.0.0"})
    if name := told.get("docker"):
        _for_docker(job, made, name, told["tag"], manifests[0]["digest"])
    return job.put_tree(Tree.of(made.files.items()))


def _image(job: Job, made: Layout, image: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration, manifest and layers of one machine's image; the manifest's descriptor."""
    layers: list[dict[str, Any]] = []
    diff_ids: list[str] = []
    for number in range(len(image["packages"])):
        tree = job.tree(job.inputs[f"{image['machine']}:{number}"])
        file, diff_id = tree["layer"], tree["diff_id"]
        assert isinstance(file, File)
        assert isinstance(diff_id, File)
        made.add(file)
        diff_ids.append(f"sha256:{job.read(diff_id.digest).decode()}")
        layers.append(_descriptor(LAYERS[job.parameters["compression"]], file))
    architecture, variant = image["platform"]
    platform = {"architecture": architecture, "os": "linux", **({"variant": variant} if variant else {})}
    history = [{"created": CREATED, "created_by": f"micros: {packages}"} for packages in image["packages"]]
    config = {
        **platform,
        "created": CREATED,
        "config": image["config"],
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, made.put_blob(config)),
        "layers": layers,
        "annotations": {"org.opencontainers.image.created": CREATED, **image["annotations"]},
    }
    return _descriptor(MANIFEST, made.put_blob(manifest), platform=platform)


def _descriptor(media_type: str, file: File, **more: object) -> dict[str, Any]:
    """What names a blob (descriptor.md)."""
    return {"mediaType": media_type, "digest": f"sha256:{file.digest}", "size": file.size, **more}


def _for_docker(job: Job, made: Layout, name: str, tag: str, digest: str) -> None:
    """The two files that `docker load` starts from."""
    manifest = json.loads(job.read(made.files[blob_path(digest)].digest))
    layers = [blob_path(layer["digest"]) for layer in manifest["layers"]]
    record = {"Config": blob_path(manifest["config"]["digest"]), "RepoTags": [f"{name}:{tag}"], "Layers": layers}
    made.put("manifest.json", [record])
    made.put("repositories", {name: {tag: layers[-1].rpartition("/")[2]}})


def blob_path(digest: str) -> str:
    """Where a layout has the blob with this digest (image-layout.md)."""
    return f"{_BLOBS}/{digest.removeprefix('sha256:')}"
