"""The smallest system worth booting: a service that says hello, and a console to look around."""

from micros import system
from micros.modules import Accounts, Dhcp, Getty, Micros, Networking, Service, User

hello = system(
    Networking(host_name="hello"),
    Dhcp(enable=True),
    Getty(enable=True),
    Accounts(users={"root": User(login_without_password=True)}),
    Micros(services={"hello": Service(start_script='echo "Hello from MicrOS!"; exec sleep infinity')}),
)
