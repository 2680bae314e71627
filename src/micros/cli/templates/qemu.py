"""A small virtual machine.

micros run system.py        build it and boot it; `poweroff` ends it
micros test system.py       run the tests at the end of this file
micros build system.py      the files that boot, in ./result
micros options              everything that can be set
"""

from micros import pkgs, system
from micros.modules import Accounts, Dhcp, Environment, Firewall, Getty, Micros, Networking, Service, User, Virtualisation
from micros.testing import Driver

box = system(
    Networking(host_name="box"),
    # An address for eth0. QEMU's own network gives one, and leads out.
    Dhcp(enable=True),
    # A login prompt on the console.
    Getty(enable=True),
    # Whoever sits at the console is root without a password: good for a first look, nothing to ship.
    # Instead: User(hashed_password="...") with what `micros password` prints.
    Accounts(users={"root": User(login_without_password=True)}),
    # Packages of Debian. Each brings only what its files need; micros.lock, beside this file, pins the versions.
    Environment(system_packages=[pkgs.less]),
    # What runs. `exec` makes the program the service itself, which is then watched and restarted.
    Micros(
        services={"web": Service(start_script="mkdir -p /run/web\necho hello >/run/web/index.html\nexec httpd -f -h /run/web")}
    ),
    # What may come in from outside; all else is dropped.
    Firewall(allowed_tcp_ports=[80]),
    # The machine that `micros run` and `micros test` make: MiB, and ports of this host that reach it.
    Virtualisation(memory_size=256),
    # Virtualisation(forward_ports=[{"host_port": 8080, "guest_port": 80}]),  # then see http://127.0.0.1:8080/
)


def test_web(guest: Driver) -> None:
    """Each test is a function of machines; `guest` is that of the only system in the file."""
    guest.wait_for_open_port(80)
    assert guest.succeed("wget -qO- http://localhost/") == "hello\n"
