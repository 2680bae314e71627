"""Our resolver against libsolv, on package sets of the real archive that are drawn anew in every run.

libsolv's programs come from the archive through our own code and run from unpacked packages. The seed is printed;
MICROS_TEST_SEED repeats a run.
"""

from __future__ import annotations

import lzma
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from micros.base.digest import Digest
from micros.base.errors import Kind, MicrosError
from micros.base.tree import union
from micros.debian.index import INDEX_LIMIT_BYTES, Index, Offer, Term
from micros.debian.resolver import resolve
from micros.debian.universe import Universe
from micros.machine import host_machine, machine_named
from micros.store.fetch import fetch_small
from micros.store.sandbox import lay_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from micros.store.scheduler import Scheduler

SETS = 200
"""Package sets for each architecture."""


@dataclass
class Solver:
    """libsolv's programs, and how they are started from a directory that is not the root."""

    scheduler: Scheduler
    root: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> bytes:
        (loader,) = self.root.glob("usr/lib*/ld-linux-*.so.*")
        libraries = self.root / "usr/lib" / host_machine().gnu
        command = [str(loader), "--library-path", str(libraries), str(self.root / "usr/bin" / program), *arguments]
        return subprocess.run(command, check=True, capture_output=True, cwd=cwd, timeout=300).stdout


@pytest.fixture(scope="module")
def solver(scheduler: Scheduler) -> Solver:
    store = scheduler.store
    found = Universe(scheduler, host_machine()).closure(["libsolv-tools"])
    return Solver(scheduler, lay_out(store, union((name, store.tree(digest)) for name, digest in found.trees.items())))


def texts_of(universe: Universe) -> list[tuple[str, bytes]]:
    """Suite and index of all that an architecture has.

    Some mirrors serve an index of another day than their signed release names, and MicrOS refuses it. What two solvers
    make of the same text does not depend on who vouches for it, so such an index is compared on as it comes.
    """
    store = universe._store
    found = []
    for suite in universe.settings.suites:
        record = universe._pin(suite)
        for path, (digest, size) in record["indices"].items():
            try:
                universe._fetch_index(suite, path, Digest(digest), size)
                packed = store.read(Digest(digest))
            except MicrosError as problem:
                if problem.kind is not Kind.DIGEST_MISMATCH:
                    raise
                sys.stdout.write(f"not as signed, used for this comparison only: {problem}\n")
                packed = fetch_small(f"{record['url']}/dists/{suite}/{path}", limit=INDEX_LIMIT_BYTES)
            found.append((suite, packed))
    return found


def drawn(index: Index, texts: list[tuple[str, bytes]], seed: int) -> list[list[str]]:
    """Package sets: at random, packages together with what they conflict with, and some that do not exist."""
    chance = random.Random(seed)
    names = sorted({name.decode() for _, text in texts for name in re.findall(rb"^Package: (.+)$", text, re.MULTILINE)})
    sets = [chance.sample(names, chance.randint(1, 4)) for _ in range(SETS * 6 // 10)]
    refusing = [name for name in chance.sample(names, 4000) if index.offers(name)[0].conflicts]
    while len(sets) < SETS - 3:
        name = chance.choice(refusing)
        refused = [term.name for term in index.offers(name)[0].refuses if index.offers(term.name)]
        if refused:
            sets.append([name, chance.choice(refused), *chance.sample(names, chance.randint(0, 2))])
    return [*sets, *([chance.choice(names), f"no-such-package-{number}"] for number in range(3))]


def verdicts(solver: Solver, texts: list[tuple[str, bytes]], sets: list[list[str]], arch: str, cwd: Path) -> list[bool]:
    """Which sets libsolv can satisfy."""
    lines = ["repo system 0 empty"]
    for number, (_, text) in enumerate(texts):
        (cwd / f"{number}").write_bytes(text)
        (cwd / f"{number}.solv").write_bytes(solver.run("deb2solv", "-r", str(number), cwd=cwd))
        lines.append(f"repo part{number} 0 solv {number}.solv")
    lines.append(f"system {arch} deb system")
    for names in sets:
        lines += [f"job install provides {name}" for name in names]
        lines += ["solverflags ignorerecommended", "result problems <inline>", "nextjob"]
    (cwd / "case.t").write_text("\n".join(lines[:-1]) + "\n")
    parts = re.split(rb"^test \d+:$", solver.run("testsolv", "-r", "case.t", cwd=cwd), flags=re.MULTILINE)[1:]
    assert len(parts) == len(sets)
    return [b"problem" not in part for part in parts]


def faults(chosen: Mapping[str, Offer], names: list[str]) -> list[str]:
    """What is wrong with a solution: a request or dependency not met, or a conflict. Empty if it is valid."""
    provided: dict[str, set[str]] = {}
    for offer in chosen.values():
        for name in (offer.name, *(term.name for term in offer.gives)):
            provided.setdefault(name, set()).add(offer.name)

    def met(term: Term, but: str = "") -> bool:
        return any(chosen[name].meets(term) for name in provided.get(term.name, ()) if name != but)

    found = [f"{name} is not there" for name in names if not met(Term(name))]
    for offer in chosen.values():
        for terms in offer.needs:
            if not any(met(term) for term in terms):
                found.append(f"{offer.name} lacks {' | '.join(map(str, terms))}")
        found += [f"{offer.name} refuses {term}" for term in offer.refuses if met(term, but=offer.name)]
    return found


@pytest.mark.parametrize("arch", ["amd64", "armhf", pytest.param("arm64", marks=pytest.mark.slow)])
def test_same_verdict_and_a_valid_solution(solver: Solver, arch: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("MICROS_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stdout.write(f"MICROS_TEST_SEED={seed}\n")
    packed = texts_of(Universe(solver.scheduler, machine_named(arch)))
    index = Index(arch, packed)
    texts = [(suite, lzma.decompress(data)) for suite, data in packed]
    sets = drawn(index, texts, seed)
    disagreements = []
    satisfiable = verdicts(solver, texts, sets, arch, tmp_path)
    for names, possible in zip(sets, satisfiable, strict=True):
        try:
            chosen = resolve(index, names, suites=[suite for suite, _ in texts], pins={})
        except MicrosError as problem:
            if problem.kind not in (Kind.UNSATISFIABLE, Kind.UNKNOWN_PACKAGE):
                raise
            if possible:
                disagreements.append(f"{names}: libsolv can, we cannot: {problem}")
        else:
            if not possible:
                disagreements.append(f"{names}: we can, libsolv cannot")
            disagreements += [f"{names}: {fault}" for fault in faults(chosen, names)]
    assert 3 <= sum(satisfiable) <= len(sets) - 3
    assert not disagreements, f"seed {seed}\n" + "\n".join(disagreements)
