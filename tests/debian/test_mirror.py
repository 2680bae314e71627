"""Which mirror is used: the order of who may say so, apt's two file formats, and what a suite's absence gets."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from micros.base.errors import Kind, MicrosError
from micros.debian.mirror import Source, candidates, locate, security_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MICROS_MIRROR", "MICROS_SECURITY_MIRROR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def urls(found: list[Source]) -> list[str]:
    return [source.url for source in found]


def test_the_order_of_who_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://host.invalid/debian trixie main\n")
    assert urls(candidates(None, sources=apt)) == ["http://host.invalid/debian"]
    (tmp_path / "config" / "micros").mkdir(parents=True)
    (tmp_path / "config" / "micros" / "config.toml").write_text('mirror = "http://settings.invalid/debian/"\n')
    assert urls(candidates(None, sources=apt)) == ["http://settings.invalid/debian"]
    monkeypatch.setenv("MICROS_MIRROR", "http://variable.invalid/debian/")
    assert urls(candidates(None, sources=apt)) == ["http://variable.invalid/debian"]
    assert urls(candidates("http://argument.invalid/debian", sources=apt)) == ["http://argument.invalid/debian"]


def test_one_line_sources(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://no.invalid/1 trixie main\n"
        "deb-src http://no.invalid/2 trixie main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://a.invalid/debian trixie main\n"
        "deb [ arch=amd64 ] https://b.invalid/debian/ trixie main # why\n"
        "deb mirror+file:/etc/apt/mirrors.list trixie main\n"
        "deb cdrom:[Debian]/ trixie main\n"
        "deb file:/srv/debian trixie main\n"
        "deb\n\ndeb [broken\n"
    )
    (apt / "sources.list.d" / "b.list").write_text("deb http://c.invalid trixie main\ndeb http://a.invalid/debian x y\n")
    (apt / "sources.list.d" / "b.list.save").write_text("deb http://no.invalid/3 trixie main\n")
    found = urls(candidates(None, sources=apt))
    assert found == ["http://a.invalid/debian", "https://b.invalid/debian", "http://c.invalid"]


def test_deb822_sources(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Types: deb deb-src\n# a comment\nURIs: http://a.invalid/debian\n http://b.invalid/debian/\nSuites: trixie\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n deb http://no.invalid/1\n\n"
        "Types: deb-src\nURIs: http://no.invalid/2\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://no.invalid/3\n\n"
        "types: deb\nuris: https://c.invalid/debian\n \n\n\n"
        "Types: deb\nURIs: mirror+file:///etc/apt/mirrors.list file:/srv/debian\n"
    )
    found = urls(candidates(None, sources=apt))
    assert found == ["http://a.invalid/debian", "http://b.invalid/debian", "https://c.invalid/debian"]


def test_no_mirror_at_all(apt: Path) -> None:
    with pytest.raises(MicrosError) as caught:
        candidates(None, sources=apt)
    assert caught.value.kind is Kind.NO_MIRROR
    assert "MICROS_MIRROR" in str(caught.value)


@pytest.mark.parametrize("data", [b"mirror = ", b"\xff", b"mirror = 3", b"x = " + b"9" * 5000, b"x = " + b"[" * 9000])
def test_settings_that_cannot_be_read(tmp_path: Path, apt: Path, data: bytes) -> None:
    (tmp_path / "config" / "micros").mkdir(parents=True)
    (tmp_path / "config" / "micros" / "config.toml").write_bytes(data)
    with pytest.raises(MicrosError) as caught:
        candidates(None, sources=apt)
    assert caught.value.kind is Kind.BAD_FILE


def test_where_the_security_suite_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    main = [Source("http://a.invalid/debian", "x"), Source("http://a.invalid/debian-security", "x")]
    assert urls(security_candidates(main)) == ["http://a.invalid/debian", "http://a.invalid/debian-security"]
    monkeypatch.setenv("MICROS_SECURITY_MIRROR", "http://s.invalid/")
    assert urls(security_candidates(main)) == ["http://s.invalid"]


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served = self.path == "/second/dists/trixie/InRelease"
            self.send_response(200 if served else 404)
            self.end_headers()
            self.wfile.write(b"signed" if served else b"<html>no such file</html>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it overrides
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_the_first_that_serves_the_suite_is_taken(server: str) -> None:
    sources = [Source(f"{server}/{name}", "test") for name in ("first", "second", "third")]
    source, data = locate("trixie", sources)
    assert (source.url, data) == (f"{server}/second", b"signed")


def test_a_suite_nobody_serves(server: str) -> None:
    with pytest.raises(MicrosError) as caught:
        locate("sarge", [Source(f"{server}/first", "test"), Source("http://127.0.0.1:9", "test")])
    assert caught.value.kind is Kind.DOWNLOAD
    assert "404" in str(caught.value)
    assert f"{server}/first/dists/sarge/InRelease" in str(caught.value)
