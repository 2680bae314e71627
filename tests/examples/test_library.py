"""The example of a module library: its own tests pass, a user's file finds it, and what it describes boots."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import Command

LIBRARY = Path(__file__).parents[2] / "examples/library"
SOURCE = str(LIBRARY / "src")


def _example() -> str:
    found = re.search(r"```python box.py\n(.*?)```", (LIBRARY / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_its_own_tests_pass() -> None:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        argv, cwd=LIBRARY, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


def test_a_users_file_imports_it_and_its_options_are_found(micros: Command) -> None:
    micros.write("box.py", _example())
    done = micros("options", "status_page.rows", "--file", "box.py", "--json", PYTHONPATH=SOURCE)
    assert done.status == 0, done.err
    found = {record["name"]: record for record in json.loads(done.out)}
    assert found["services.status_page.rows.<name>.text"]["default"] is None
    assert found["services.status_page.rows"]["declared"][0].startswith("status_page/page.py:")
    done = micros("explain", "box.py", "services.status_page.rows.system.text", PYTHONPATH=SOURCE)
    assert "status_page/page.py:" in done.out


def test_a_mistake_names_the_users_line_not_the_librarys(micros: Command) -> None:
    micros.write("box.py", _example().replace("enable=True", "enable=True, port=0"))
    done = micros("build", "box.py", "--json", PYTHONPATH=SOURCE)
    assert done.kinds == ["assertion"]
    assert done.errors[0]["places"][0]["file"] == "box.py"


def test_its_page_is_served(micros: Command) -> None:
    micros.write("box.py", _example())
    ask = "i=0; until wget -qO- http://127.0.0.1/ || [ $i -ge 50 ]; do sleep 0.2; i=$((i+1)); done"
    done = micros("run", "box.py", "-c", ask, PYTHONPATH=SOURCE)
    assert done.status == 0, done.err
    assert "<p id=place>On the shelf</p>" in done.out
