"""Container images: one layer step for each package or group of packages, so that a change packs anew what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from micros.base.errors import Kind, error
from micros.formats.compress import LEVELS
from micros.formats.oci_layers import grouped, split
from micros.plan.artefacts.dist import manifest_of
from micros.plan.artefacts.squashfs import tree
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from micros.base.digest import Digest
    from micros.debian.index import Offer
    from micros.plan.builder import Builder, FileSteps


def layout(build: Builder) -> FileSteps:
    """The layout with an image for each machine, as a directory."""
    made: FileSteps = {"oci": _layout(build, build.variants)}
    # The manifest lists the packages of one machine.
    return {**made, **(_manifest(build, {}) if build.variants == [build] else {})}


def archive(build: Builder) -> FileSteps:
    """The same as one file."""
    made = _packed("oci.tar", _layout(build, build.variants))
    return {**made, **(_manifest(build, made) if build.variants == [build] else {})}


def docker(build: Builder) -> FileSteps:
    """The archive for `docker load`, of one machine's image."""
    made = _packed("docker.tar", _layout(build, [build], {"docker": build.plan.artefact.parameters["name"]}))
    return {**made, **_manifest(build, made)}


def _packed(name: str, made: Step) -> FileSteps:
    return {name: Step("micros.formats.tar_writer:write", {"tree": made}, {"compression": "none"}, name)}


def _manifest(build: Builder, made: FileSteps) -> FileSteps:
    return {"manifest.json": manifest_of(build, made)}


def _layout(build: Builder, variants: Sequence[Builder], more: Mapping[str, Any] | None = None) -> Step:
    """The step that makes the layout."""
    for variant in variants:
        variant.root  # noqa: B018 - what is pinned for one machine tells the time in the images of all
    numbered: list[tuple[Layer, str]] = []
    images = []
    for variant in variants:
        found = layers(variant)
        numbered += [(layer, f"{variant.machine.name}:{number}") for number, layer in enumerate(found)]
        images.append(_described(variant, [layer.holds for layer in found]))
    # The longest work first, lest one processor is left with it at the end.
    numbered.sort(key=lambda pair: -pair[0].size)
    inputs: dict[str, Digest | Step] = {role: layer.step for layer, role in numbered}
    told = build.plan.artefact.parameters
    parameters = {"images": images, **{name: told[name] for name in ("compression", "tag", "reference")}, **(more or {})}
    return Step("micros.formats.oci:layout", inputs, parameters, "OCI layout", "tree")


def _described(build: Builder, packages: list[str]) -> dict[str, Any]:
    told = build.plan.artefact.parameters
    return {
        "machine": build.machine.name,
        "platform": list(build.machine.oci),
        "config": told["config"],
        "annotations": told["annotations"],
        "packages": packages,
    }


class Layer(NamedTuple):
    """One layer: what it holds, for people; the step that packs it; bytes of content."""

    holds: str
    step: Step
    size: int


def layers(build: Builder) -> list[Layer]:
    """The layers of one machine's image, lowest first."""
    told, store = build.plan.artefact.parameters, build.store
    check_container(build)
    whole = store.tree(build.run(tree(build)))
    offers = {offer.name: offer for offer in build.root.packages}
    trees = {name: store.tree(build.root.trees[name]) for name in offers}
    sizes = {name: tree.size for name, tree in trees.items()}
    groups = grouped(stacked(offers.values(), told["first"]), sizes, told["layers"] - 1)
    level = told["level"] or LEVELS[told["compression"]]
    options = {"compression": told["compression"], "level": level}
    found = []
    for names, part in split(whole, [[trees[name] for name in names] for names in groups]):
        what = ", ".join(f"{name} {offers[name].version}" for name in (groups[names] if names is not None else []))
        label = f"layer of {what.partition(' ')[0]}" if what else "layer of the system"
        step = Step("micros.formats.oci:layer", {"tree": store.add_tree(part)}, options, label, "tree")
        found.append(Layer(what or "files of the system", step, part.size))
    return found


def check_container(build: Builder) -> None:
    """Raise an error of kind `usage` for a system with a kernel of its own."""
    if build.plan.kernel:
        hint = "set profiles.container.enable"
        raise error(Kind.USAGE, "a container's image is of a system without a kernel, and this one has its own", hint=hint)


def stacked(offers: Iterable[Offer], first: Iterable[str]) -> list[str]:
    """Names of packages, lowest layer first: what every system has, then the rest, each after what it depends on.

    Engines keep what lies below a layer as part of its identity, so images share layers as far as they begin alike.
    """
    packages = {offer.name: offer for offer in sorted(offers, key=lambda offer: offer.name)}
    giving = {provided.name: name for name, offer in packages.items() for provided in offer.gives} | {n: n for n in packages}
    order: dict[str, None] = {}

    def put(name: str, above: frozenset[str]) -> None:
        for term in (term for terms in packages[name].needs for term in terms):
            other = giving.get(term.name)
            if other is not None and other not in order and other not in above:
                put(other, above | {other})
        order[name] = None

    for name in (*sorted(set(first) & packages.keys()), *packages):
        if name not in order:
            put(name, frozenset((name,)))
    return list(order)
