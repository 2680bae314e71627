"""Ids of the users that services run as: fixed, so that data on a disk belongs to the same service after every update.

Debian gives such ids when a package is installed (Debian policy 9.2.2: 100 to 999), in any order; here each has its own.
"""

SYSTEM_IDS = {
    "sshd": 101,
    "_chrony": 102,
    "ntpd": 103,
    "syslog": 104,
    "log": 105,
    "dnsmasq": 106,
    "www-data": 33,
    "mosquitto": 107,
    "nixbld": 30000,
}
"""User and group id by name. An id that has been released here is never given to another name."""
