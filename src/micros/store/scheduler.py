"""Running steps: each key once, whoever asks; what can run side by side does."""

from __future__ import annotations

import fcntl
import importlib
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from micros.base.digest import Digest
from micros.store.disk import disk_errors, write_durably
from micros.store.keeping import using
from micros.store.step import Step, step_key
from micros.store.store import Batch, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from micros.base.tree import Tree


class Observer(Protocol):
    """Told what happens; decides nothing."""

    def started(self, label: str) -> None:
        """A step begins to run."""

    def finished(self, label: str, seconds: float) -> None:
        """A step has run."""


class Silent:
    """An observer that says nothing."""

    def started(self, label: str) -> None:
        """Say nothing."""

    def finished(self, label: str, seconds: float) -> None:
        """Say nothing."""


class StoreJob:
    """One run of a step program, backed by a store. Implements `base.step.Job`."""

    def __init__(self, store: Store, inputs: Mapping[str, Digest], step: Step, workspace: Path) -> None:
        self.inputs = inputs
        self.parameters: Mapping[str, Any] = step.parameters
        self.secrets = step.secrets
        self.scratch = workspace
        self.cache = store.blocks
        self.store = store
        self._batch = Batch(store, workspace)

    def read(self, digest: Digest) -> bytes:
        """A content; one put before counts."""
        pending = self._batch.pending(digest)
        return self.store.read(digest) if pending is None else pending.read_bytes()

    def open(self, digest: Digest) -> BinaryIO:
        """A content to read from."""
        pending = self._batch.pending(digest)
        return self.store.open(digest) if pending is None else pending.open("rb")

    def tree(self, digest: Digest) -> Tree:
        """A tree."""
        return self.store.tree(digest)

    def put(self, data: bytes | bytearray) -> Digest:
        """Keep a content; it becomes durable and visible with the others when the job ends."""
        return self._batch.put(data)

    def put_file(self, path: Path) -> Digest:
        """Keep a file of the scratch directory."""
        return self.store.add_file(path)

    def put_tree(self, tree: Tree) -> Digest:
        """Keep a tree, its contents first."""
        self._batch.commit()
        return self.store.add_tree(tree)

    def commit(self) -> None:
        """Make what was put durable and visible."""
        self._batch.commit()


class Scheduler:
    """Gives results of steps, from the store where they are known."""

    def __init__(self, store: Store, observer: Observer | None = None) -> None:
        self.store = store
        self._observer = observer or Silent()
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
        self._futures: dict[int, tuple[Step, Future[Digest]]] = {}

    def run(self, step: Step) -> Digest:
        """The result of one step."""
        return self.run_all([step])[0]

    def run_all(self, steps: Iterable[Step]) -> list[Digest]:
        """The results of several steps, in their order; independent ones run in parallel threads."""
        wanted = list(steps)
        with using(self.store):
            try:
                for step in wanted:
                    self._submit(step)
                return [self._futures[id(step)][1].result() for step in wanted]
            except BaseException:
                # What still runs must end while the store is held, after an interrupt too; what failed may be asked for again.
                for _, future in self._futures.values():
                    future.cancel()
                wait([future for _, future in self._futures.values()])
                self._futures.clear()
                raise

    def key(self, step: Step) -> Digest:
        """The key of a step; runs its inputs."""
        return step_key(step, self._inputs(step))

    def _submit(self, step: Step) -> Future[Digest]:
        """Queue a step after its inputs. Inputs are queued first, so a waiting step never starves what it waits for."""
        known = self._futures.get(id(step))
        if known is not None:
            return known[1]
        waiting = [self._submit(value) for value in step.inputs.values() if isinstance(value, Step)]
        future = self._recorded(step) if all(map(_is_known, waiting)) else None
        if future is None:
            future = self._pool.submit(self._result, step)
        self._futures[id(step)] = (step, future)
        return future

    def _recorded(self, step: Step) -> Future[Digest] | None:
        """A result that the store has: a look costs less than handing it to a thread."""
        found = self.lookup(self.key(step))
        if found is None:
            return None
        future: Future[Digest] = Future()
        future.set_result(found)
        return future

    def _inputs(self, step: Step) -> dict[str, Digest]:
        return {role: self._submit(value).result() if isinstance(value, Step) else value for role, value in step.inputs.items()}

    def _result(self, step: Step) -> Digest:
        inputs = self._inputs(step)
        key = step_key(step, inputs)
        known = self.lookup(key)
        if known is not None:
            return known
        with disk_errors(self.store.root), (self.store.root / "locks" / key).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self.lookup(key)
            if known is not None:
                return known
            return self._build(step, key, inputs)

    def _build(self, step: Step, key: Digest, inputs: Mapping[str, Digest]) -> Digest:
        module, _, function = step.program.partition(":")
        program = getattr(importlib.import_module(module), function)
        self._observer.started(step.label)
        began = time.monotonic()
        with self.store.workspace() as workspace:
            job = StoreJob(self.store, inputs, step, workspace)
            digest: Digest = program(job)
            job.commit()
            line = f"{step.output} {digest}\n".encode()
            write_durably(self._path(key), line, self.store.scratch)
        self._observer.finished(step.label, time.monotonic() - began)
        return digest

    def lookup(self, key: Digest) -> Digest | None:
        """The recorded result of a key, if all of it is still here. A record that cannot be read counts as none."""
        try:
            kind, _, digest = self._path(key).read_text(errors="replace").strip().partition(" ")
        except FileNotFoundError:
            return None
        if kind not in ("blob", "tree") or len(digest) != 64 or not self.store.has(Digest(digest)):
            return None
        os.utime(self._path(key))
        return Digest(digest)

    def _path(self, key: Digest) -> Path:
        return self.store.root / "results" / key[:2] / key

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _is_known(future: Future[Digest]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
