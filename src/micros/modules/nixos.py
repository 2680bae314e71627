"""Names that NixOS has and that mean nothing here, each with what to say instead: setting one is an error, never silence."""

from __future__ import annotations

from micros.lang import Complaint, Config, Module, check, places_of, unavailable

INSTEAD = {
    "boot.binfmt": "register interpreters in an activation script: system.activation_scripts.<name>",
    "boot.initrd.systemd": "stage 1 is a short script: see boot.initrd",
    **dict.fromkeys(
        ("boot.loader.efi", "boot.loader.external", "boot.loader.grub", "boot.loader.limine", "boot.loader.systemd_boot"),
        "what starts the kernel belongs to an image, not to the system: `micros build FILE --list` shows the images",
    ),
    "boot.plymouth": "there is no splash screen; boot.console_log_level decides what the console shows",
    "boot.zfs": "ZFS is in no package of the archive that could be shipped built",
    "console": "the console's terminal is boot.console, its login services.getty",
    "containers": "a container is a system of its own, with boot.is_container",
    "documentation": "manuals and other texts come with environment.extra_outputs_to_install",
    "environment.extra_setup": "nothing of a system runs while it is built: declare its files in environment.etc or system.files",
    "fonts": "put packages of fonts into environment.system_packages",
    "hardware.graphics": "put the drivers' packages into environment.system_packages, their firmware into hardware.firmware",
    "hardware.opengl": "put the drivers' packages into environment.system_packages, their firmware into hardware.firmware",
    "hardware.pulseaudio": "declare the sound server as micros.services.<name>",
    "home_manager": 'files of users are environment.etc."skel/...", from which homes are made',
    "i18n": "programs speak what environment.variables.LANG says; extra_outputs_to_install brings translations",
    "networking.networkmanager": "interfaces are declared in networking.interfaces and networking.dhcp",
    "networking.use_dhcp": "networking.dhcp.enable",
    "networking.use_networkd": "interfaces are declared in networking.interfaces and networking.dhcp",
    "networking.wireless": "declare wpa_supplicant as micros.services.<name>",
    "nixpkgs.config": "packages are Debian's, of `main` unless the command line says more",
    "nixpkgs.overlays": "packages are Debian's; a file of yours takes a package's place through environment.etc or system.files",
    "nixpkgs.pkgs": "packages are Debian's, pinned in micros.lock",
    "power_management": "settings of the kernel are boot.kernel.sysctl, those of its drivers boot.kernel_params",
    "programs": "put the program's package into environment.system_packages, its configuration into environment.etc",
    "security.acme": "declare the program that renews certificates as micros.services.<name>, with services.cron to start it",
    "security.apparmor": "the kernels here are built without profiles to load; see profiles.hardened",
    "security.doas": "declare doas with security.wrappers.doas.setuid",
    "security.polkit": "rights of programs are declared in security.wrappers",
    "security.sudo": "declare sudo with security.wrappers.sudo.setuid",
    "services.dbus": "declare it as micros.services.dbus",
    "services.desktop_manager": "declare the graphical session as micros.services.<name>",
    "services.display_manager": "declare the graphical session as micros.services.<name>",
    "services.journald": "logs are kept by system.logging",
    "services.logind": "there are no seats; services.getty asks for a login",
    "services.resolved": "name servers are networking.nameservers; services.dnsmasq answers from memory",
    "services.timesyncd": "clocks are kept right by services.chronyd or services.ntpd",
    "services.udev": "devices are found by services.mdevd",
    "services.xserver": "declare the graphical session as micros.services.<name>",
    "system.auto_upgrade": "a system is built elsewhere and replaced as a whole",
    "system.copy_system_configuration": "the description is no part of the system; environment.etc.<name>.source can bring it",
    "system.extra_dependencies": "put packages into environment.system_packages",
    "system.replace_dependencies": "packages are Debian's; a file of yours takes a package's place through system.files",
    "system.system_builder_args": "no program builds the system's tree: declare its entries in system.files",
    "system.system_builder_commands": "no program builds the system's tree: declare its entries in system.files",
    "systemd": "services are declared once for every init system: micros.services.<name>",
    "virtualisation.docker": "declare the daemon as micros.services.<name>",
    "virtualisation.podman": "declare what runs containers as micros.services.<name>",
    "xdg": "files of desktop programs belong into environment.etc",
}
"""Our answer by option; what lies below one is meant too."""


class Nixos(Module, imports=[unavailable(path, text) for path, text in INSTEAD.items()]):
    """Options of NixOS without a meaning here."""

    @check
    def nothing_is_ignored(self, config: Config) -> list[Complaint]:
        """What is set has an effect."""
        return [
            Complaint(f"`{path}` means nothing here", (path,), text) for path, text in INSTEAD.items() if places_of(config, path)
        ]
