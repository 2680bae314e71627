"""What slimming leaves still works: TLS, name resolution, PAM, a web server, a client, in one guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from micros import pkgs, system
from micros.modules import Accounts, Environment, EtcFile, Networking, User, Virtualisation, Wrappers
from micros.testing import machine
from tests.conftest import Command

# Password "secret", made by `openssl passwd -6 -salt micros secret`.
HASH = "$6$micros$PJvHp5Spa2yZDTxEZKsF8rV1SQyFd8ZuiOCBX5Yo9nrBfPmsPAyKrqWn2tXTnzHAL9jUdNILyCV0VHO920VtZ0"

NGINX = """
daemon off;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
    server {
        listen 443 ssl;
        ssl_certificate /run/cert.pem;
        ssl_certificate_key /run/key.pem;
        location / { return 200 "served over TLS\\n"; }
    }
}
"""
PAM = "auth required pam_unix.so\naccount required pam_unix.so\n"

fat = system(
    Environment(
        system_packages=[
            *(pkgs.python3, pkgs.nginx, pkgs.curl, pkgs.ca_certificates),
            *(pkgs.openssl, pkgs.pamtester, pkgs.libpam_modules),
        ],
        etc={"nginx/test.conf": EtcFile(text=NGINX), "pam.d/test": EtcFile(text=PAM)},
    ),
    Networking(hosts={"127.0.0.9": ["web.test"]}),
    Accounts(users={"ann": User(uid=1000, hashed_password=HASH), "www-data": User(uid=33, gid=33)}),
    Wrappers(privileged_files={"usr/sbin/unix_chkpwd": "strip"}),
    Virtualisation(memory_size=512),
)

CERTIFICATE = (
    "cd /run && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2"
    " -subj /CN=web.test -addext subjectAltName=DNS:web.test -config /dev/null"
)
READ = """\
import socket, ssl, sqlite3, urllib.request
print(socket.gethostbyname("web.test"))
context = ssl.create_default_context(cafile="/run/cert.pem")
print(urllib.request.urlopen("https://web.test/", context=context).read().decode().strip())
print(len(ssl.create_default_context().get_ca_certs()) > 50)
"""


def test_slimmed_packages_run(store_root: Path, tmp_path: Path) -> None:
    with machine(fat, store=store_root, lock=tmp_path / "micros.lock") as guest:
        guest.succeed(CERTIFICATE, "nginx -e stderr -g 'user root;' -c /etc/nginx/test.conf &")
        guest.wait_for_open_port(443, "web.test")
        assert guest.succeed("curl -s --cacert /run/cert.pem https://web.test/") == "served over TLS\n"
        status, output = guest.execute("python3 -", stdin=READ.encode())
        assert (status, output) == (0, "127.0.0.9\nserved over TLS\nTrue\n")
        assert "successfully authenticated" in guest.succeed("echo secret | pamtester test ann authenticate")
        guest.fail("echo wrong | pamtester test ann authenticate")


@pytest.mark.slow
def test_the_package_managers_own_closure_is_larger(micros: Command) -> None:
    text = 'environment.system_packages = ["curl"]\n'
    micros.write("slim.toml", text)
    micros.write("full.toml", text + 'environment.install = "full"\nsecurity.privileged_files."*" = "strip"\n')
    counts = []
    for name in ("slim", "full"):
        done = micros("build", f"{name}.toml", "-o", name)
        assert done.status == 0, done.err
        counts.append((micros.directory / name / "root.squashfs").stat().st_size)
        (micros.directory / "micros.lock").unlink()
    assert counts[1] > 1.5 * counts[0]
