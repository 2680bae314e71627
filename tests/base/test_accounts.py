"""Password hashes and capabilities of files, against other programs' values."""

from __future__ import annotations

import pytest

from micros.base.capabilities import CAPABILITIES, file_capabilities
from micros.base.crypt import sha512_crypt


# The first is of the specification; the others of OpenSSL's `passwd -6`.
@pytest.mark.parametrize(
    ("password", "salt", "hashed"),
    [
        (
            "Hello world!",
            "saltstring",
            "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "x",
            "a",
            "AvQLBHPFSbE4d9QOBrglBdXuv.jRoEFLHgWJlsZ6XhNHrxkMbotj9kAr0GGhdZ5XM6DM29/LJ9jZin3Aj8Tph0",
        ),
        (
            "pässword " * 10,
            "0123456789./abcd",
            "c1JxzXlZhOhpaUNxPxqa0IQ0gCfqt346puUjklYp4Q4WEamgdTuHX2pAUfS5yq0XegNF4bNBJsFuvFS26XPSK.",
        ),
    ],
)
def test_hashes_of_others(password: str, salt: str, hashed: str) -> None:
    assert sha512_crypt(password, salt) == f"$6${salt}${hashed}"


@pytest.mark.parametrize("salt", ["", "a$b", "x" * 17])
def test_a_salt_that_is_none(salt: str) -> None:
    with pytest.raises(ValueError, match="salt"):
        sha512_crypt("x", salt)


# As `setcap` writes them (getfattr -e hex).
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cap_net_raw+ep", "0100000200200000000000000000000000000000"),
        ("cap_net_raw,cap_net_admin=ep", "0100000200300000000000000000000000000000"),
        ("cap_chown+p cap_kill+p", "0000000221000000000000000000000000000000"),
        ("cap_bpf+ei", "0100000200000000000000000000000080000000"),
        ("", "0000000200000000000000000000000000000000"),
    ],
)
def test_capabilities_of_a_file(text: str, value: str) -> None:
    assert file_capabilities(text).hex() == value


@pytest.mark.parametrize("text", ["net_raw", "cap_none+p", "cap_chown+x", "cap_chown+ep cap_kill+p", "cap_chown+e"])
def test_capabilities_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"cap|effective"):
        file_capabilities(text)


def test_the_table_ends_where_the_kernels_does() -> None:
    assert CAPABILITIES.index("checkpoint_restore") == 40
    assert (CAPABILITIES[0], CAPABILITIES[21], CAPABILITIES[31]) == ("chown", "sys_admin", "setfcap")
