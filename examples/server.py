"""A small server on the network: remote login by key, the right time, logs, hot-plug, and a firewall that is on by itself."""

from micros import system
from micros.modules import Accounts, Chronyd, Dhcp, Logging, Mdevd, Networking, Sshd, User

server = system(
    Networking(host_name="server"),
    Dhcp(enable=True),
    Sshd(enable=True),  # keys only; it opens its port in the firewall, which lets nothing else in
    Chronyd(enable=True),
    Logging(enable=True),
    Mdevd(enable=True),
    # Put your own public key here, as `cat ~/.ssh/id_ed25519.pub` prints it. Nobody has the other half of this one.
    Accounts(
        users={
            "root": User(
                authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMx6c1Rxx8e4eYkLUyX0UBp0gF9dSnqvD2nRWoKkSaVB you@example"]
            )
        }
    ),
)
