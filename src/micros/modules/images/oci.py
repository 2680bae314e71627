"""Container images: the OCI layout that registries and engines take, and the archive for `docker load`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import Config, Module, Pattern, Range, check, lazy, option
from micros.machine import machine_named
from micros.modules.boot.init import Init
from micros.modules.environment import Environment
from micros.modules.networking.sockets import Sockets
from micros.modules.system import Artefact, MachineName, System

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MOST_LAYERS = 126
"""What engines stack (containerd stops at 127), with one left for what the container itself writes."""

_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
Name = Annotated[
    str, Pattern(rf"(?:{_PART}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*", "name of an image: lower-case letters, digits and . _ - /")
]
"""A repository's name (OCI distribution specification 1.1, pulling manifests), perhaps with its registry."""
Tag = Annotated[str, Pattern("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "tag: at most 128 letters, digits and . _ -")]
EnvironmentName = Annotated[str, Pattern("[^=\0]+", "name of an environment variable")]
Port = Annotated[str, Pattern("[0-9]{1,5}/(tcp|udp|sctp)", "port and protocol, as `80/tcp`")]
AbsolutePath = Annotated[str, Pattern(r"/[^\0]*", "path that begins with a slash")]


class OciImage(Module, at="images.oci"):
    """What oci_image, oci_archive and docker_image are."""

    name: Name = option(
        default=lazy(lambda config: config[System].name.lower()), default_text="system.name", doc="Name of the image."
    )
    tag: Tag = option(default="latest", doc="Its tag.")
    version: str = option(default="", doc="Version of what is in it, for people; annotation org.opencontainers.image.version.")
    platforms: list[MachineName] = option(
        default=[],
        default_text="[platform.host]",
        doc="Machines that oci_image has an image for; with several, an index of all.",
        example=["x86_64-linux", "aarch64-linux"],
    )
    layers: Annotated[int, Range(1, MOST_LAYERS)] = option(
        default=64,
        doc="Layers at most. The last is the system's own files; the others are a package each, as far as there are enough, the "
        "largest first, or all the rest.",
    )
    compression: Literal["gzip", "zstd"] = option(default="gzip", doc="Compression of layers; gzip is read by every engine.")
    level: Annotated[int, Range(0, 22)] = option(default=0, doc="Strength of the compression; 0 is the strongest usual one.")
    entrypoint: list[str] = option(
        default=lazy(lambda config: [config[Init].stage2_path]),
        default_text="[boot.init.stage2_path]",
        doc="What the engine starts as process 1.",
    )
    command: list[str] = option(default=[], doc="Arguments of the entrypoint, unless who starts the container gives others.")
    environment: dict[EnvironmentName, str] = option(default={}, doc="Environment variables besides PATH.")
    working_directory: AbsolutePath = option(default="/", doc="Where the entrypoint starts.")
    exposed_ports: list[Port] = option(
        default=lazy(lambda config: _ports(config)),
        default_text="those of networking.sockets",
        doc="Ports that the engine is told of.",
        example=["80/tcp"],
    )
    volumes: list[AbsolutePath] = option(default=[], doc="Directories whose content outlives the container.")
    stop_signal: Annotated[str, Pattern(r"SIG[A-Z]+[0-9]*(\+[0-9]+)?", "name of a signal")] = option(
        default="SIGTERM", doc="Signal that the engine stops the container with."
    )
    labels: dict[str, str] = option(default={}, doc="Labels of the image.")
    annotations: dict[str, str] = option(
        default={}, doc="Annotations of the image; they win over those that follow from the other options."
    )

    def described(self, config: Config) -> dict[str, Any]:
        """All of it as plain data."""
        packages = [config[Environment].shell, *config[Init].available_backends[config[Init].backend].required_packages]
        version = {"org.opencontainers.image.version": self.version} if self.version else {}
        return {
            "name": self.name,
            "tag": self.tag,
            "reference": f"{_full_name(self.name)}:{self.tag}",
            "layers": self.layers,
            "compression": self.compression,
            "level": self.level,
            "config": self._config(),
            "annotations": {"org.opencontainers.image.title": self.name, **version, **self.annotations},
            "first": sorted({package.name for package in packages}),
        }

    def _config(self) -> dict[str, Any]:
        """How the container is started (config.md of the image specification)."""
        config: dict[str, Any] = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": [f"{name}={value}" for name, value in {"PATH": PATH, **self.environment}.items()],
            "WorkingDir": self.working_directory,
            "ExposedPorts": {port: {} for port in self.exposed_ports},
            "Volumes": {path: {} for path in self.volumes},
            "StopSignal": self.stop_signal,
            "Labels": dict(self.labels),
        }
        return {name: value for name, value in config.items() if value}

    @check
    def platforms_differ(self, config: Config) -> str | None:
        """One image for each machine."""
        names = [machine_named(name).name for name in self.platforms]
        twice = sorted({name for name in names if names.count(name) > 1})
        return f"images.oci.platforms has {', '.join(twice)} more than once" if twice else None

    @check
    def level_fits(self, config: Config) -> str | None:
        """gzip ends at 9."""
        is_too_high = self.compression == "gzip" and self.level > 9
        return f"images.oci.level is {self.level}, but gzip ends at 9" if is_too_high else None


class OciImages(Module, at="system.build"):
    """Container images."""

    oci_image: Artefact = option(
        default=lazy(lambda config: _artefact(config, "layout")),
        default_text="as images.oci says",
        doc="a container image in OCI's layout, a directory: oci",
    )
    oci_archive: Artefact = option(
        default=lazy(lambda config: _artefact(config, "archive")),
        default_text="as images.oci says",
        doc="the same as a tar archive: oci.tar",
    )
    docker_image: Artefact = option(
        default=lazy(lambda config: _artefact(config, "docker")),
        default_text="as images.oci says, for platform.host",
        doc="the container image of platform.host as an archive for `docker load`: docker.tar",
    )


def _artefact(config: Config, function: str) -> Artefact:
    return Artefact(f"micros.plan.artefacts.oci:{function}", config[OciImage].described(config))


def _full_name(name: str) -> str:
    """A name with its registry: engines take one without for Docker's (reference grammar of the distribution project)."""
    first, slash, _ = name.partition("/")
    if slash and (first == "localhost" or set(first) & {".", ":"}):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def _ports(config: Config) -> list[str]:
    """Ports of services, as the image specification writes them."""
    pairs = (socket.partition("/") for socket in config[Sockets].sockets)
    return sorted(f"{port}/{protocol}" for protocol, _, port in pairs if protocol in ("tcp", "udp", "sctp") and port.isdigit())
