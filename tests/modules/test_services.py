"""What the shipped services make of their options, without a boot."""

from __future__ import annotations

import base64
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from micros import pkgs, system
from micros.base.errors import Kind, MicrosError
from micros.modules import (
    Accounts,
    Activation,
    Boot,
    Chronyd,
    Clock,
    DeviceRule,
    Environment,
    Firewall,
    Group,
    HostKey,
    Logging,
    Mdevd,
    Micros,
    Mosquitto,
    MqttListener,
    MqttUser,
    Networking,
    Nginx,
    NginxHost,
    NginxListen,
    NginxLocation,
    Nix,
    NixDaemon,
    Ntpd,
    RegistryEntry,
    Rngd,
    Sockets,
    Sshd,
    SshdSettings,
    System,
    User,
)

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode() + " ann@desk"
ROOT = Accounts(users={"root": User(authorized_keys=[KEY])})


def etc(box: Any, name: str) -> str:
    text: str = box.config[Environment].etc[name].text
    return text


def script(box: Any, name: str) -> str:
    text: str = box.config[Micros].services[name].start_script
    return text


def problems(*definitions: Any) -> list[str]:
    with pytest.raises(MicrosError) as caught:
        system(*definitions).evaluation.check()
    return [problem.message for problem in caught.value.problems]


# sshd


def test_dropbear_is_told_what_the_options_say() -> None:
    settings = SshdSettings(
        permit_root_login="no", allow_tcp_forwarding=False, gateway_ports=True, max_auth_tries=2, client_alive_interval=30
    )
    keys = [HostKey(type="ecdsa", bits=384, path="/var/keys/host")]
    files = ["%h/keys/authorized_keys"]
    sshd = Sshd(enable=True, ports=[22, 2222], host_keys=keys, settings=settings, banner="Hi", authorized_keys_files=files)
    box = system(ROOT, sshd)
    words = script(box, "sshd")
    for part in ("-p 22 -p 2222", "-w", "-j -k", "-a", "-T 2", "-K 30", "-D '~/keys'", "-b /etc/ssh/banner", "-r /run/ssh/host"):
        assert f" {part}" in words
    assert "-t ecdsa -s 384" in box.config[Micros].services["sshd"].setup_script
    assert "mv /var/keys/host.new /var/keys/host" in box.config[Micros].services["sshd"].setup_script
    assert etc(box, "ssh/banner") == "Hi\n"
    assert {name for name in box.config[Sockets].sockets if name.startswith("tcp/")} == {"tcp/22", "tcp/2222"}


def test_passwords_let_in_only_where_a_switch_says_so() -> None:
    assert " -g " in script(system(ROOT, Sshd(enable=True)), "sshd")
    assert " -s " in script(system(ROOT, Sshd(enable=True)), "sshd")
    loose = SshdSettings(password_authentication=True, permit_root_login="yes")
    words = script(system(ROOT, Sshd(enable=True, settings=loose)), "sshd").split()
    assert not {"-s", "-g", "-w"} & set(words)


def test_openssh_is_told_the_same_and_what_only_it_knows() -> None:
    sshd = Sshd(
        enable=True,
        package=pkgs.openssh_server,
        ports=[2022],
        banner="Hi",
        settings=SshdSettings(permit_root_login="no") | {"LogLevel": "DEBUG"},
        extra_config="Match User ann\n    ForceCommand true",
    )
    box = system(ROOT, sshd)
    lines = etc(box, "ssh/sshd_config").splitlines()
    for line in ("Port 2022", "PermitRootLogin no", "PasswordAuthentication no", "LogLevel DEBUG", "UsePAM no"):
        assert line in lines
    assert "Banner /etc/ssh/banner" in lines
    assert any(line.startswith("Subsystem sftp") for line in lines)
    assert lines[-2:] == ["Match User ann", "    ForceCommand true"]
    assert pkgs.openssh_sftp_server in box.config[Environment].system_packages
    assert "sshd" in box.config[Accounts].users
    without = system(ROOT, sshd, Sshd(allow_sftp=False))
    assert "Subsystem" not in etc(without, "ssh/sshd_config")


def test_declared_keys_are_files_and_open_a_locked_account() -> None:
    ann = Accounts(users={"ann": User(uid=1000, home="/home/ann", authorized_keys=[KEY])})
    box = system(ann, Sshd(enable=True))
    files = box.config[System].files
    assert etc(box, "ssh/authorized_keys.d/ann") == KEY + "\n"
    assert files["home/ann/.ssh/authorized_keys"].link == "/etc/ssh/authorized_keys.d/ann"
    assert (files["home/ann/.ssh"].uid, files["home/ann/.ssh"].mode) == (1000, "0700")
    assert "ann:*:" in files["etc/shadow"].text
    assert "root:!:" in files["etc/shadow"].text


@pytest.mark.parametrize(
    "key",
    [
        "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        KEY.replace("ssh-ed25519 ", "ssh-rsa "),
        KEY.replace("AAAAI", "AAAAI*"),
        KEY[:60],
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        KEY + "\n" + KEY,
    ],
)
def test_a_key_that_is_none_is_refused_with_its_place(key: str) -> None:
    with pytest.raises(MicrosError) as caught:
        _ = system(Accounts(users={"root": User(authorized_keys=[key])})).config[Accounts].users["root"].authorized_keys
    assert caught.value.kind is Kind.WRONG_TYPE
    assert caught.value.places[0].file.endswith("test_services.py")


def test_a_key_may_have_restrictions() -> None:
    restricted = f'restrict,command="echo \\"hi, you\\"" {KEY}'
    box = system(Accounts(users={"root": User(authorized_keys=[restricted])}), Sshd(enable=True))
    assert etc(box, "ssh/authorized_keys.d/root") == restricted + "\n"


def test_a_system_nobody_can_log_in_to_is_refused() -> None:
    assert any("nobody can log in" in text for text in problems(Sshd(enable=True)))
    assert any("nobody can log in" in text for text in problems(Sshd(enable=True), {"services": {"getty": {"enable": True}}}))
    # A password in plain text lets somebody in as well.
    plain = {"users": {"root": {"password": "x", "allow_plain_text_password": True}}, "services": {"getty": {"enable": True}}}
    system(Sshd(enable=True), plain).evaluation.check()
    console = {"services": {"getty": {"enable": True}}, "users": {"root": {"login_without_password": True}}}
    system(Sshd(enable=True), console).evaluation.check()


def test_what_dropbear_cannot_do_is_said_with_what_can() -> None:
    texts = "\n".join(
        problems(
            Accounts(users={"ann": User(uid=1000, authorized_keys=[KEY])}),
            Sshd(enable=True, extra_config="X11Forwarding yes", settings=SshdSettings() | {"LogLevel": "DEBUG"}),
            Sshd(authorized_keys_files=["/etc/ssh/authorized_keys.d/%u", "/etc/keys"]),
        )
    )
    for word in ("LogLevel", "extra_config", "/etc/keys", "users.ann", "openssh-server"):
        assert word in texts
    assert any("only dropbear-bin" in text for text in problems(ROOT, Sshd(enable=True, package=pkgs.curl)))


def test_the_firewall_is_opened_unless_told_not_to() -> None:
    assert system(ROOT, Sshd(enable=True)).config[Firewall].allowed_tcp_ports == [22]
    assert system(ROOT, Sshd(enable=True, open_firewall=False)).config[Firewall].allowed_tcp_ports == []
    assert system(Sshd()).config[Firewall].allowed_tcp_ports == []


def test_the_names_of_nixos_work() -> None:
    data = {"services": {"openssh": {"enable": True, "openFirewall": False, "settings": {"PermitRootLogin": "no"}}}}
    box = system(ROOT, data)
    assert " -w " in script(box, "sshd")


def test_two_services_on_one_port_are_an_error_that_names_both() -> None:
    web = Nginx(enable=True, virtual_hosts={"a": NginxHost(listen=[NginxListen(port=22)])})
    with pytest.raises(MicrosError) as caught:
        system(ROOT, Sshd(enable=True), web).evaluation.check()
    (problem,) = caught.value.problems
    assert problem.kind is Kind.ASSERTION
    assert problem.message == "services.nginx.virtual_hosts and services.sshd.ports both want tcp/22"
    assert [place.file for place in problem.places] == [__file__], "where the user gave nginx that port"


# The clock


def test_chrony_reads_what_the_options_say() -> None:
    chrony = Chronyd(
        enable=True,
        servers=["10.0.0.1", "time.test"],
        server_option="offline",
        enable_nts=True,
        step_threshold_seconds=0.5,
        extra_config="allow 10.0.0.0/8",
        extra_flags=["-L", "1"],
    )
    box = system(chrony)
    lines = etc(box, "chrony/chrony.conf").splitlines()
    assert lines[:2] == ["server 10.0.0.1 offline nts", "server time.test offline nts"]
    assert {"makestep 0.5 3", "cmdport 0", "allow 10.0.0.0/8"} <= set(lines)
    assert script(box, "chronyd").endswith("-L 1")
    known = system(Chronyd(enable=True), Networking(time_servers=["10.0.0.9"]))
    assert "server 10.0.0.9 iburst" in etc(known, "chrony/chrony.conf")


def test_another_package_takes_the_place_of_the_usual_one() -> None:
    def packages(*definitions: Any) -> set[str]:
        return set(system(*definitions).plan().packages)

    chrony = packages(Chronyd(enable=True, package=pkgs.chrony_of_ours))
    assert "chrony-of-ours" in chrony
    assert "chrony" not in chrony
    for option in ({"nix": {"package": "nix-of-ours"}}, {"services": {"nix-daemon": {"package": "nix-of-ours"}}}):
        nix = packages(Nix(enable=True), option)
        assert "nix-of-ours" in nix
        assert "nix-bin" not in nix


def test_a_clock_without_a_source_or_with_two_keepers_is_refused() -> None:
    assert any("nobody to ask" in text for text in problems(Chronyd(enable=True, servers=[])))
    assert any("one of them" in text for text in problems(Chronyd(enable=True), Ntpd(enable=True)))


def test_ntpd_reads_what_the_options_say() -> None:
    box = system(Ntpd(enable=True, servers=["10.0.0.1"], extra_config="weight 3"))
    assert etc(box, "openntpd/ntpd.conf") == "server 10.0.0.1\nweight 3\n"


def test_the_clock_is_never_before_the_floor() -> None:
    assert "floor=1700000000\n" in system(Clock(floor=1700000000)).config[Activation].activation_scripts["clock"].text
    assert "read -r floor </etc/micros/time\n" in system().config[Activation].activation_scripts["clock"].text


# Logs, devices, random numbers


def test_busybox_syslogd_is_told_what_the_options_say() -> None:
    log = Logging(
        enable=True,
        syslog_flags=["-D"],
        syslog_config="*.err /var/log/errors",
        file="/var/log/all",
        max_size_kib=64,
        max_files=5,
        level=7,
        remote=["10.0.0.2:5514"],
        kernel=False,
    )
    box = system(log)
    assert script(box, "syslogd") == "exec syslogd -n -O /var/log/all -s 64 -b 5 -l 7 -R 10.0.0.2:5514 -L -D"
    assert etc(box, "syslog.conf") == "*.err /var/log/errors\n"
    assert "klogd" not in box.config[Micros].services
    assert "klogd" in system(Logging(enable=True)).config[Micros].services
    assert any("one machine" in text for text in problems(Logging(enable=True, remote=["a", "b"])))


def test_rsyslog_reads_what_the_options_say() -> None:
    log = Logging(
        enable=True,
        syslog_package=pkgs.rsyslog,
        syslog_config=':msg, contains, "noise" stop',
        max_size_kib=64,
        max_files=3,
        remote=["10.0.0.2", "[fd00::1]:5514"],
        kernel=False,
        syslog_flags=["-4"],
    )
    box = system(log)
    text = etc(box, "rsyslog.conf")
    assert "imklog" not in text
    assert "$outchannel messages,/var/log/messages,65536," in text
    assert 'target="10.0.0.2" port="514"' in text
    assert 'target="fd00::1" port="5514"' in text
    assert text.endswith(':msg, contains, "noise" stop')
    assert script(box, "syslogd").endswith("-4")
    assert "i=2\n" in etc(box, "micros/rotate-log")


def test_mdev_rules_come_before_the_usual_ones() -> None:
    rule = DeviceRule(owner="root:dialout", mode="0640", command="logger $MDEV")
    box = system(Mdevd(enable=True, rules={"ttyUSB.*": rule}, extra_rules="loop[0-9]+ root:disk 0600"))
    lines = etc(box, "mdev.conf").splitlines()
    assert lines[0] == "loop[0-9]+ root:disk 0600"
    own = lines.index("ttyUSB.* root:dialout 0640 *logger $MDEV")
    assert own < next(i for i, line in enumerate(lines) if line.startswith("tty(S|"))


@pytest.mark.parametrize("text", ["a b", "$(reboot)", "it's; reboot"])
def test_words_of_a_command_line_are_no_shell_code(text: str) -> None:
    box = system(Chronyd(enable=True, extra_flags=[text]), Rngd(enable=True, device=text, extra_flags=[text]))
    assert shlex.split(script(box, "chronyd"))[-1] == text
    assert shlex.split(script(box, "rngd"))[-2:] == [text, text]


def test_the_user_of_a_service_can_be_another() -> None:
    own = Accounts(users={"ntpd": User(uid=777, home="/srv/ntp")}, groups={"ntpd": Group(gid=778)})
    passwd = system(Ntpd(enable=True), own).config[System].files["etc/passwd"].text
    assert "ntpd:x:777:778::/srv/ntp:/bin/false\n" in passwd


def test_modules_of_what_may_be_plugged_in_are_there_with_mdev() -> None:
    def modules(*, enable: bool) -> tuple[str, ...]:
        return system(Mdevd(enable=enable, kernel_modules=["usb_storage"])).plan().kernel_modules

    assert "usb_storage" in modules(enable=True)
    assert "usb_storage" not in modules(enable=False)
    assert "usb_storage" not in system(Mdevd(enable=True, kernel_modules=["usb_storage"])).config[Boot].kernel_modules


def test_rngd_is_told_its_source() -> None:
    box = system(Rngd(enable=True, device="/dev/other", drivers=["bcm2835_rng"], extra_flags=["-W", "50%"]))
    assert script(box, "rngd").endswith("/usr/sbin/rngd -f -S 0 -r /dev/other -W 50%")
    assert "bcm2835_rng" in box.config[Boot].kernel_modules
    other = system({"not-os": {"rngd": True}}, Rngd(package=pkgs.rng_tools5))
    assert "-S" not in script(other, "rngd")


# nginx, mosquitto, Nix


def test_nginx_reads_what_the_options_say() -> None:
    place = NginxLocation(root="/srv/a", index="a.html", try_files="$uri =404", extra_config="autoindex on;")
    away = NginxLocation(proxy_pass="http://127.0.0.1:8080")
    host = NginxHost(
        server_name="a.test b.test",
        default=True,
        root="/srv",
        listen=[NginxListen(addr="[::]", port=443, ssl=True)],
        ssl_certificate="/run/a.pem",
        ssl_certificate_key="/run/a.key",
        extra_config="gzip on;",
        locations={"/": place, "/api": away, "/no": NginxLocation(return_="404")},
    )
    more = Nginx(append_config="worker_processes 2;", events_config="worker_connections 64;", append_http_config="etag off;")
    box = system(Nginx(enable=True, virtual_hosts={"a": host}, open_firewall=True), more)
    text = etc(box, "nginx/nginx.conf")
    for line in ("listen [::]:443 ssl default_server;", "server_name a.test b.test;", "root /srv;", "root /srv/a;", "gzip on;"):
        assert f" {line}\n" in text
    for line in ("index a.html;", "try_files $uri =404;", "proxy_pass http://127.0.0.1:8080;", "return 404;", "autoindex on;"):
        assert f" {line}\n" in text
    for line in ("worker_processes 2;", "worker_connections 64;", "etag off;", "ssl_certificate_key /run/a.key;"):
        assert line in text
    assert box.config[Firewall].allowed_tcp_ports == [443]
    assert etc(system(Nginx(enable=True, config="events {}\n")), "nginx/nginx.conf") == "events {}\n"


def test_nginx_sites_that_cannot_be_are_refused() -> None:
    tls = NginxHost(listen=[NginxListen(port=443, ssl=True)])
    texts = problems(Nginx(enable=True, virtual_hosts={"a": tls, "b": NginxHost(default=True), "c": NginxHost(default=True)}))
    assert any("no ssl_certificate" in text and "b and c" in text for text in texts)


def test_mosquitto_reads_what_the_options_say() -> None:
    ann = MqttUser(hashed_password="$7$101$salt$hash", acl=["read sensors/#"])
    bob = MqttUser(hashed_password_file="/var/lib/bob")
    listener = MqttListener(
        port=883, address="10.0.0.1", users={"ann": ann, "bob": bob}, acl=["pattern read $SYS/#"], settings={"max_connections": 9}
    )
    broker = Mosquitto(
        enable=True,
        listeners=[listener, MqttListener(allow_anonymous=True)],
        persistence=False,
        log_types=["all"],
        settings={"max_keepalive": 60},
        extra_config="memory_limit 1000000",
        open_firewall=True,
    )
    box = system(broker)
    text = etc(box, "mosquitto/mosquitto.conf")
    first, second = text.split("listener 883 10.0.0.1\n")[1].split("listener 1883\n")
    assert "max_keepalive 60\n" in text.partition("listener 883")[0]
    assert "log_type all\n" in text
    assert "persistence true" not in text
    assert "allow_anonymous false\n" in first
    assert "max_connections 9\n" in first
    assert "allow_anonymous true\n" in second
    assert text.endswith("memory_limit 1000000\n")
    assert etc(box, "mosquitto/passwords-0") == "ann:$7$101$salt$hash\n"
    assert etc(box, "mosquitto/acl-0") == "pattern read $SYS/#\nuser ann\ntopic read sensors/#\nuser bob\n"
    assert "/var/lib/bob" in box.config[Micros].services["mosquitto"].setup_script
    assert text.startswith("user mosquitto\n")
    assert sorted(box.config[Firewall].allowed_tcp_ports) == [883, 1883]


def test_a_hash_that_is_not_there_keeps_mosquitto_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "bob's hash"
    listener = MqttListener(users={"bob": MqttUser(hashed_password_file=str(file))})
    box = system(Mosquitto(enable=True, listeners=[listener]))
    lines = box.config[Micros].services["mosquitto"].setup_script.splitlines()
    (first,) = (number for number, line in enumerate(lines) if str(tmp_path) in line)
    code = "\n".join(lines[first : first + 2]).replace("/run/mosquitto", shlex.quote(str(tmp_path)))
    assert subprocess.run(["sh", "-ec", code], check=False, capture_output=True).returncode != 0
    file.write_text("$7$101$salt$hash\n")
    subprocess.run(["sh", "-ec", code], check=True)
    assert (tmp_path / "passwords-0").read_text() == "bob:$7$101$salt$hash\n"


def test_mosquitto_lets_nobody_in_by_mistake() -> None:
    texts = problems(Mosquitto(enable=True, listeners=[MqttListener(users={"ann": MqttUser()})]))
    assert any("user ann of port 1883" in text for text in texts)
    assert any("no listeners" in text for text in problems(Mosquitto(enable=True)))


def test_nix_reads_what_the_options_say() -> None:
    flake = RegistryEntry(to={"type": "path", "path": "/srv/pkgs"}, exact=False)
    nix = Nix(enable=True, nix_path=["nixpkgs=/srv/pkgs"], registry={"pkgs": flake}, settings={"max-jobs": 2}, build_users=2)
    box = system(nix)
    assert etc(box, "nix/nix.conf") == "build-users-group = nixbld\nmax-jobs = 2\nnix-path = nixpkgs=/srv/pkgs\n"
    assert '"path": "/srv/pkgs"' in etc(box, "nix/registry.json")
    assert '"exact": false' in etc(box, "nix/registry.json")
    assert box.config[Accounts].groups["nixbld"].members == ["nixbld1", "nixbld2"]
    assert "nix-daemon" in box.config[Micros].services
    assert "nix-daemon" not in system({"not-os": {"nix": True}}, NixDaemon(enable=False)).config[Micros].services
    assert any("nix.enable" in text for text in problems(NixDaemon(enable=True)))


def test_a_time_zone_brings_its_one_file_and_what_that_is_a_link_to() -> None:
    described = system(Clock(time_zone="Europe/Bratislava"))
    assert described.config[Environment].etc["localtime"].source is not None
    assert described.plan().parts["tzdata"] == ("/usr/share/zoneinfo/Europe/Bratislava",)
    assert any("../shadow" in text for text in problems(Clock(time_zone="../shadow")))
