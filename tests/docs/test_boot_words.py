"""docs/boot.md lists every word that the scripts of the boot know, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "src/micros/modules"


def test_every_word_is_listed() -> None:
    page = (ROOT / "docs/boot.md").read_text()
    table = page.partition("## Words")[2].partition("## ")[0]
    listed = {word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`([\w.]+)", row)}
    stage_1 = (MODULES / "boot/scripts/stage-1.sh").read_text().partition("read_words() {")[2].partition("esac")[0]
    known = set(re.findall(r"^ +([\w.]+)(?:=\*)?\) ", stage_1, re.MULTILINE))
    for script in (MODULES / "storage/scripts/data.sh", MODULES / "boot/init.py"):
        known |= set(re.findall(r'\*" ([\w.]+) "\*', script.read_text()))
    assert len(known) > 12
    assert listed == known
