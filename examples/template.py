"""A system to start from: a login, a user, a service of its own, and drivers for most PCs.

`micros run examples/template.py` boots it; log in as `ann` with the password `micros`.
"""

from micros import pkgs, system
from micros.modules import (
    Accounts,
    Boot,
    Environment,
    FileSystem,
    FileSystems,
    Firewall,
    Getty,
    Initrd,
    Interface,
    Interfaces,
    Micros,
    Networking,
    Nftables,
    Service,
    User,
)

# What the machine is for.
configuration = [
    Networking(host_name="template"),
    Firewall(enable=True),
    Nftables(enable=True),
    Environment(system_packages=[pkgs.file, pkgs.less]),
    Getty(enable=True),
    Accounts(
        users={
            # `micros password` makes such a hash; take another one before anybody can reach the machine.
            "ann": User(
                is_normal_user=True,
                hashed_password="$6$9JPsHKMyuk8YotOf$ewUeuGwdtrqnPS7z5AVoDq255WvEoGYoBIA0V2KaF/GCfv3PEQpXnmpd49JPIqa2EnAAPPVmwPDC1uLsvqrW/.",
                packages=[pkgs.nano],
            ),
        },
    ),
    Micros(
        services={
            "greeting": Service(type="oneshot", start_script='echo "Hello, I am $(hostname)" | tee /run/greeting'),
        },
    ),
]

# What it runs on: Debian's kernel for all PCs, and an initrd that finds the root on whatever is built in or plugged in.
hardware = [
    Boot(kernel_package=pkgs.linux_image_amd64),
    Initrd(
        available_kernel_modules=[
            *("ahci", "ata_piix", "sata_nv", "sata_sil", "sata_sis", "sata_uli", "sata_via", "sata_vsc"),
            *("pata_ali", "pata_amd", "pata_jmicron", "pata_marvell", "pata_sis", "pata_via"),
            *("sd_mod", "sr_mod", "3w_9xxx", "aic79xx", "mptspi", "megaraid_sas"),
            *("uhci_hcd", "ohci_pci", "ehci_pci", "xhci_pci", "usb_storage", "uas", "usbhid"),
            *("nvme", "mmc_block", "sdhci_pci", "firewire_ohci", "firewire_sbp2"),
            *("virtio_pci", "virtio_blk", "virtio_scsi", "vmw_pvscsi"),
        ],
        kernel_modules=["loop", "isofs"],
    ),
    # The root is memory over a read-only image, which may lie on an ISO: `device = "/iso/root.squashfs"`, with
    # `"/iso": FileSystem(label="MICROS", fs_type="iso9660", needed_for_boot=True)` beside it.
    FileSystems(
        file_systems={
            "/": FileSystem(fs_type="tmpfs", options=["mode=0755"]),
            "/image": FileSystem(device="/dev/vda", fs_type="squashfs", options=["ro"], needed_for_boot=True),
        },
    ),
    Interfaces(interfaces={"eth0": Interface(dhcp=True)}, drivers=["virtio_net", "e1000", "e1000e"]),
]

template = system(*configuration, *hardware)
