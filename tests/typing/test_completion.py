"""An editor completes options: pyright's language server, asked as an editor asks (Language Server Protocol 3.17)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(sys.executable).with_name("pyright-python-langserver")
SECONDS = 120
ROOT = Path(__file__).parents[2]


class Editor:
    """The client's side of one session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [str(SERVER), "--stdio"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._deadline = threading.Timer(SECONDS, self._process.kill)
        self._deadline.start()
        folders = [{"uri": folder.as_uri(), "name": "box"}]
        able = {"workspace": {"workspaceFolders": True}}
        self.ask("initialize", {"processId": None, "rootUri": None, "workspaceFolders": folders, "capabilities": able})
        self.tell("initialized", {})

    def close(self) -> None:
        """End the session."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.wait()
        self._deadline.cancel()

    def tell(self, method: str, params: Any) -> None:
        """A notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """A request and its result; what the server asks meanwhile is answered with nothing."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:
                wanted = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
                self._send({"id": message["id"], "result": None if wanted is None else [None] * len(wanted)})
            elif message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def completions(self, text: str) -> list[str]:
        """The labels offered where a text has its mark `|`."""
        before, _, after = text.partition("|")
        uri = (self._folder / f"box{self._number}.py").as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": before + after}
        self.tell("textDocument/didOpen", {"textDocument": document})
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        return [item["label"] for item in (found["items"] if isinstance(found, dict) else found)]

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor")
    settings = {"extraPaths": [str(ROOT / "src")], "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    editor = Editor(folder)
    yield editor
    editor.close()


HEAD = "from micros import force, system\nfrom micros.modules import Accounts, Networking, User\n"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("system(Networking(|))", {"host_name=", "nameservers=", "hosts="}),
        ("system(Networking(host_name='a', na|))", {"nameservers="}),
        ("system(Accounts(users={'ann': User(|)}))", {"uid=", "shell=", "login_without_password="}),
        ("from micros.modules import Net|", {"Networking"}),
        ("def read(config):\n    Networking.|", {"host_name"}),
    ],
    ids=["module", "begun", "record", "import", "target"],
)
def test_options_are_offered(editor: Editor, text: str, labels: set[str]) -> None:
    assert labels <= set(editor.completions(HEAD + text))
