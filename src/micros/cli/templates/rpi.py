"""A Raspberry Pi 2 or later, 32 bits wide.

    micros build system.py      kernel, initrd and root.squashfs, made on this machine without emulation
    micros run system.py        the same system on QEMU's board for this architecture
    micros options              everything that can be set

The board itself (its firmware, its own kernel, an SD-card image) is not described here: MicrOS has no options for boards
yet. The kernel is Debian's for boards of this architecture, the disk and the network card are QEMU's. Nothing tests yet that it
boots.
"""

from micros import system
from micros.modules import Dhcp, Getty, Micros, Networking, Platform, Service

pi = system(
    # What it runs on. What builds it is the machine you sit at.
    Platform(host="armv7l-linux"),
    Networking(host_name="pi"),
    # An address for eth0. The card's driver is QEMU's here: a board's own goes into `networking.drivers`.
    Dhcp(enable=True),
    # A login prompt on the console. Nobody has a password yet: see users.<name>.hashed_password in `micros options users`.
    Getty(enable=True),
    # What runs. `exec` makes the program the service itself, which is then watched and restarted.
    Micros(services={"hello": Service(start_script='echo "hello from $(hostname)"\nexec sleep infinity')}),
)
