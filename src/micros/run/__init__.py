"""Running what was built: QEMU, and a guest that a program can talk to."""
