"""What slimming leaves still works: TLS, name resolution, PAM, a web server, a client, in one guest."""

from __future__ import annotations

import pytest

from tests.conftest import Command

# Password "secret", made by `openssl passwd -6 -salt micros secret`.
HASH = "$6$micros$PJvHp5Spa2yZDTxEZKsF8rV1SQyFd8ZuiOCBX5Yo9nrBfPmsPAyKrqWn2tXTnzHAL9jUdNILyCV0VHO920VtZ0"

SYSTEM = r'''
from micros import pkgs, system
from micros.modules import Accounts, Environment, EtcFile, Networking, User, Virtualisation

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
            pkgs.python3, pkgs.nginx, pkgs.curl, pkgs.ca_certificates, pkgs.openssl, pkgs.pamtester, pkgs.libpam_modules
        ],
        etc={"nginx/test.conf": EtcFile(text=NGINX), "pam.d/test": EtcFile(text=PAM)},
    ),
    Networking(hosts={"127.0.0.9": ["web.test"]}),
    Accounts(users={"ann": User(uid=1000, hashed_password="HASH"), "www-data": User(uid=33, gid=33)}),
    Virtualisation(memory_size=512),
)
'''.replace("HASH", HASH)

CHECKS = """
set -e
cd /run
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \\
    -subj /CN=web.test -addext subjectAltName=DNS:web.test -config /dev/null 2>/dev/null
nginx -e stderr -g 'user root;' -c /etc/nginx/test.conf </dev/null >/run/nginx.log 2>&1 &
i=0; until curl -s --cacert cert.pem https://web.test/ || [ $i -gt 50 ]; do sleep 0.2; i=$((i+1)); done
python3 -c '
import socket, ssl, sqlite3, urllib.request
print(socket.gethostbyname("web.test"))
context = ssl.create_default_context(cafile="/run/cert.pem")
print(urllib.request.urlopen("https://web.test/", context=context).read().decode().strip())
print(len(ssl.create_default_context().get_ca_certs()) > 50)
'
echo secret | pamtester test ann authenticate
echo wrong | pamtester test ann authenticate && exit 9
kill %1
echo all done
"""


def test_slimmed_packages_run(micros: Command) -> None:
    micros.write("fat.py", SYSTEM)
    done = micros("run", "fat.py", "-v", "-c", CHECKS)
    assert done.status == 0, done.out + done.err
    lines = done.out.splitlines()
    assert lines.count("served over TLS") == 2
    assert "127.0.0.9" in lines
    assert "True" in lines
    assert any("successfully authenticated" in line for line in lines)
    assert lines[-1] == "all done"


@pytest.mark.slow
def test_the_package_managers_own_closure_is_larger(micros: Command) -> None:
    text = 'environment.system_packages = ["curl"]\n'
    micros.write("slim.toml", text)
    micros.write("full.toml", text + 'environment.install = "full"\n')
    counts = []
    for name in ("slim", "full"):
        done = micros("build", f"{name}.toml", "-o", name)
        assert done.status == 0, done.err
        counts.append((micros.directory / name / "root.squashfs").stat().st_size)
        (micros.directory / "micros.lock").unlink()
    assert counts[1] > 1.5 * counts[0]
