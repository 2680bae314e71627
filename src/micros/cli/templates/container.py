"""The root file system of a container: no kernel, no login, one program.

    micros build system.py squashfs     the root file system, in ./result
    micros run system.py                the same root in a virtual machine, to look at it
    micros options                      everything that can be set

MicrOS writes no container image yet: `unsquashfs -d root result/root.squashfs`, as root, lays the tree out for a container
manager, whose init is /sbin/init.
"""

from micros import system
from micros.modules import Micros, Networking, Service

app = system(
    # The container manager brings the network: no DHCP here.
    Networking(host_name="app"),
    # What runs. `exec` makes the program the service itself, which is then watched and restarted.
    Micros(services={"app": Service(start_script="echo the app runs\nexec sleep infinity")}),
)
