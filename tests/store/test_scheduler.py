"""Steps: each key built once, whatever dies or is damaged."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.base.digest import Digest
from micros.base.errors import Kind, MicrosError
from micros.store import step
from micros.store.keeping import collect, verify
from micros.store.scheduler import Scheduler
from micros.store.step import Step, step_key
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

BUILDER = Path(__file__).with_name("store_programs.py")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def joined(log: Path, text: str, **inputs: Digest | Step) -> Step:
    return Step("store_programs:joined", inputs, {"text": text, "log": str(log)})


def runs(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def builder(store: Store, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, BUILDER, store.root, *words], stderr=subprocess.PIPE)


def test_steps_run_once_in_order_and_their_results_stay(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = joined(log, "a")
    last = joined(log, "d", b=joined(log, "b", a=first), c=joined(log, "c", a=first))
    (digest,) = Scheduler(store).run_all([last])
    assert store.read(digest) == b"abacd"
    assert runs(log) == 4
    assert Scheduler(Store(store.root)).run_all([last, first]) == [digest, Scheduler(store).run(first)]
    assert runs(log) == 4


def test_everything_that_matters_is_in_the_key(store: Store) -> None:
    a, b = store.add_bytes(b"a"), store.add_bytes(b"b")
    step = Step("store_programs:joined", {"x": a}, {"text": 1})
    others = [
        step_key(Step("store_programs:files", {"x": a}, {"text": 1}), {"x": a}),
        step_key(step, {"x": b}),
        step_key(step, {"y": a}),
        step_key(Step("store_programs:joined", {"x": a}, {"text": 2}), {"x": a}),
        step_key(Step("store_programs:joined", {"x": a}, {"text": 1}, output="tree"), {"x": a}),
    ]
    assert len({step_key(step, {"x": a}), *others}) == 6
    named = Step("store_programs:joined", {"x": a}, {"text": 1}, name="for people")
    assert step_key(named, {"x": a}) == step_key(step, {"x": a})


def test_an_edit_that_keeps_size_and_time_changes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "edited_program.py"
    found = set()
    for text in ("x = 1\n", "x = 2\n"):
        source.write_text(text)
        os.utime(source, (1, 1))
        program = "import sys; sys.path.insert(0, sys.argv[1]); from micros.store.step import code_digest as c; "
        line = [sys.executable, "-c", program + "print(c('edited_program'))", str(tmp_path)]
        found.add(subprocess.run(line, capture_output=True, check=True).stdout)
    assert len(found) == 2


def test_an_edit_of_what_a_program_imports_changes_its_key_and_no_other(tmp_path: Path) -> None:
    shutil.copytree(Path(step.__file__).parents[1], tmp_path / "micros", ignore=shutil.ignore_patterns("__pycache__"))
    programs = ("micros.formats.squashfs", "micros.formats.cpio", "micros.debian.slim", "micros.formats.kmod")
    ask = f"from micros.store.step import code_digest as c; print(*map(c, {programs}))"

    def keys() -> list[bytes]:
        return subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, check=True).stdout.split()

    def changed_by(name: str) -> set[str]:
        before = keys()
        with (tmp_path / "micros" / name).open("a") as stream:
            stream.write("# edited\n")
        return {program for program, old, new in zip(programs, before, keys(), strict=True) if old != new}

    assert changed_by("formats/squashfs_inodes.py") == {"micros.formats.squashfs"}
    assert changed_by("formats/compress.py") == {"micros.formats.squashfs", "micros.formats.cpio"}
    assert changed_by("debian/runtime.toml") == {"micros.debian.slim"}
    assert changed_by("debian/lock.py") == set()
    assert changed_by("base/tree.py") == set(programs)


FOREIGN = {
    "acme/__init__.py": "",
    "acme/steps/__init__.py": "",
    "acme/steps/program.py": "import os, acme.plain, acme.second as two\nfrom . import near\nfrom .. import far\n",
    "acme/steps/near.py": "def late():\n    from ..deep.inner import (\n        x,\n    )\n",
    "acme/deep/inner.py": "from acme.deep \\\n    import last\n",
    "acme/deep/last.py": "import micros.formats.pem\n",
    "acme/plain.py": "",
    "acme/second.py": "",
    "acme/far.py": "",
    "acme/unrelated.py": "",
    "other.py": "",
}


def test_the_key_of_a_program_elsewhere_follows_its_own_package(tmp_path: Path) -> None:
    shutil.copytree(Path(step.__file__).parents[1], tmp_path / "micros", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FOREIGN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = [*FOREIGN, "micros/formats/pem.py", "micros/formats/cpio.py"]
    ask = f"""
import sys
from pathlib import Path
from micros.store import step

def key():
    for cached in (step.code_digest, step._source):
        cached.cache_clear()
    return step.code_digest("acme.steps.program")

for name in {names}:
    before, text = key(), Path(name).read_text()
    Path(name).write_text(text + "# edited\\n")
    print(name if key() != before else "")
assert not [name for name in sys.modules if name.startswith("acme")], "a look runs nothing"
"""
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert set(names) - set(done.stdout.split()) == {"acme/unrelated.py", "other.py", "micros/formats/cpio.py"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.write_bytes(b""),
        lambda record: record.write_bytes(bytes(70)),
        lambda record: record.write_bytes(b"\xff\xfe" * 35),
        lambda record: record.write_bytes(record.read_bytes()[:30]),
        lambda record: record.unlink(),
    ],
)
def test_a_bad_record_is_made_again(store: Store, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    log = tmp_path / "log"
    digest = Scheduler(store).run(joined(log, "a"))
    (record,) = (store.root / "results").glob("??/*")
    damage(record)
    assert Scheduler(store).run(joined(log, "a")) == digest
    assert runs(log) == 2
    assert verify(store, repair=False) == (1, [])


def test_a_vanished_output_is_made_again(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    digest = Scheduler(store).run(joined(log, "a"))
    store.path(digest).unlink()
    assert Scheduler(store).run(joined(log, "a")) == digest
    assert store.read(digest) == b"a"


def test_a_tree_with_a_damaged_content_is_repaired_by_building_again(store: Store) -> None:
    step = Step("store_programs:files", parameters={"count": 5}, output="tree")
    digest = Scheduler(store).run(step)
    content = sorted(store.tree(digest).blobs())[0]
    os.chmod(store.path(content), 0o644)
    store.path(content).write_bytes(b"evil")
    damages = verify(store, repair=True)[1]
    assert next(damage.expected for damage in damages) == content
    assert len(damages) == 2, "the content, and the record that names a tree with it"
    assert Scheduler(store).run(step) == digest
    assert len(store.read(content)) == 1
    assert verify(store, repair=False)[1] == []


def test_a_failure_comes_out_and_does_not_stick(store: Store, tmp_path: Path) -> None:
    bad = Step("store_programs:failing", parameters={"text": "no"})
    log = tmp_path / "log"
    scheduler = Scheduler(store)
    with pytest.raises(ValueError, match="no"):
        scheduler.run_all([joined(log, "x", a=bad), joined(log, "fine")])
    assert store.read(scheduler.run(joined(log, "fine"))) == b"fine"
    assert [path for path in store.scratch.iterdir() if path.is_dir()] == []


def test_an_interrupted_build_has_ended_when_the_store_is_let_go(store: Store) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    scheduler = Scheduler(store)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            scheduler.run(Step("store_programs:joined", {}, {"text": "slow", "seconds": 1}))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert list(store.scratch.iterdir()) == []
    scheduler.close()


def test_two_processes_build_a_step_once(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [builder(store, "same", str(log)) for _ in range(2)]
    for process in both:
        assert process.wait(60) == 0, process.stderr and process.stderr.read()
    assert runs(log) == 1
    assert verify(store, repair=False)[1] == []


def test_killed_builders_leave_nothing_half_done(store: Store) -> None:
    chance = random.Random(1)
    for number in range(8):
        process = builder(store, f"killed{number // 2}")
        time.sleep(0.08 + chance.random() * 0.35)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        assert verify(store, repair=False)[1] == []
    for number in range(4):
        process = builder(store, f"killed{number}")
        assert process.wait(60) == 0, process.stderr and process.stderr.read()
    assert verify(store, repair=False)[1] == []
    assert list((store.root / "scratch").iterdir()) == []


def test_builders_and_a_collector_share_the_store(store: Store) -> None:
    builders = [builder(store, f"shared{number % 4}") for number in range(8)]
    while any(process.poll() is None for process in builders):
        collect(store, keep_days=-1)
        time.sleep(0.02)
    for process in builders:
        assert process.returncode == 0, process.stderr and process.stderr.read()
    assert verify(store, repair=False)[1] == []


def test_eighty_known_results_are_quick_to_find_and_a_missing_blob_is_an_error(store: Store) -> None:
    steps = [Step("store_programs:joined", parameters={"text": number}) for number in range(80)]
    digests = Scheduler(store).run_all(steps)
    assert Scheduler(Store(store.root)).run_all(steps) == digests
    with pytest.raises(MicrosError) as caught:
        store.read(Digest("0" * 64))
    assert caught.value.kind is Kind.DAMAGED


def test_a_known_result_needs_no_thread(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    first = Scheduler(store)
    expected = first.run(joined(log, "b", a=joined(log, "a")))
    first.close()
    again = Scheduler(store)
    monkeypatch.setattr(again, "_result", None)  # what a thread would call
    assert again.run(joined(log, "b", a=joined(log, "a"))) == expected
    again.close()
