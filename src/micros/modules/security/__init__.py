"""Rights of programs, logins, and the kernel's own defences."""
