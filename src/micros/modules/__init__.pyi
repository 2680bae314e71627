# Made by `python -m micros.modules.stub`.
from micros.lang import Module
from micros.modules.activation import Activation as Activation
from micros.modules.activation import ActivationScript as ActivationScript
from micros.modules.boot.init import Backend as Backend
from micros.modules.boot.init import Init as Init
from micros.modules.boot.initrd import Initrd as Initrd
from micros.modules.boot.kernel import Boot as Boot
from micros.modules.boot.mounts import Mounts as Mounts
from micros.modules.boot.runit import Runit as Runit
from micros.modules.boot.runit import Stage as Stage
from micros.modules.environment import Environment as Environment
from micros.modules.environment import EtcFile as EtcFile
from micros.modules.images.dist import Dist as Dist
from micros.modules.networking.networking import Dhcp as Dhcp
from micros.modules.networking.networking import Networking as Networking
from micros.modules.networking.sockets import Sockets as Sockets
from micros.modules.services.getty import Getty as Getty
from micros.modules.services.services import Log as Log
from micros.modules.services.services import Micros as Micros
from micros.modules.services.services import Service as Service
from micros.modules.storage.root import Root as Root
from micros.modules.system import FileSpec as FileSpec
from micros.modules.system import Platform as Platform
from micros.modules.system import System as System
from micros.modules.users.accounts import Accounts as Accounts
from micros.modules.users.accounts import Group as Group
from micros.modules.users.accounts import User as User
from micros.modules.virtualisation.virtualisation import Forward as Forward
from micros.modules.virtualisation.virtualisation import Virtualisation as Virtualisation

def all_modules() -> list[type[Module]]: ...
def public_names() -> dict[str, str]: ...
