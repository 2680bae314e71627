"""A container: no kernel, no login, one service.

micros build system.py oci_image       a layout for registries and engines: ./result/oci
micros build system.py docker_image    an archive for `docker load` and `podman load`: ./result/docker.tar
micros build system.py lxc_image       a system container for LXC and Incus
micros options                         everything that can be set

skopeo copy oci:result/oci:latest docker://registry.example/app:latest    sends it to a registry
podman run oci:result/oci                                                 runs it; `podman stop` ends it
"""

from micros import system
from micros.modules import ContainerProfile, Micros, Networking, OciImage, Service

app = system(
    # No kernel; the engine brings the network and filters its packets.
    ContainerProfile(enable=True),
    Networking(host_name="app"),
    # What registries and engines call it. More of this: `micros options images.oci`.
    OciImage(name="app", tag="latest"),
    # What runs. `exec` makes the program the service itself, which is then watched, restarted, and told to end by SIGTERM.
    Micros(services={"app": Service(start_script="echo the app runs\nexec sleep infinity")}),
)
