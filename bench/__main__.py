"""All benchmarks, one after another: `make bench`; with `full` what takes mksquashfs minutes too (`make bench-full`)."""

from __future__ import annotations

import sys

from bench import build, erofs, fat, guest, iso, language, oci, squashfs, virtual_disks

print("== the module language", flush=True)
language.main()
print("== building the example", flush=True)
build.main()
print("== guests", flush=True)
guest.main()
print("== container images", flush=True)
oci.main()
print("== squashfs from cached blocks", flush=True)
squashfs.main(sys.argv[1:])
print("== FAT file systems", flush=True)
fat.main()
print("== disk images in other formats", flush=True)
virtual_disks.main()
print("== EROFS beside squashfs", flush=True)
erofs.main()
print("== ISO images", flush=True)
iso.main()
