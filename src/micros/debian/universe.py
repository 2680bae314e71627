"""The packages a system can have: from request to slim trees, through lock, archive and store."""

from __future__ import annotations

import fnmatch
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, MicrosError, error
from micros.debian import SUITES, slim
from micros.debian.dependencies import dependencies, is_closed, reachable
from micros.debian.elsewhere import look
from micros.debian.index import Index, Offer, Term
from micros.debian.lock import Pins
from micros.debian.release import KEYS, Release, verify
from micros.debian.resolver import resolve
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from micros.debian.mirror import Source
    from micros.machine import Machine
    from micros.store.fetch import Watcher
    from micros.store.scheduler import Scheduler


class Unmet(NamedTuple):
    """A library's soname or a program's path that a file of a package asks for and no package gives."""

    package: str
    need: str

    def __str__(self) -> str:
        return f"{self.need} (for {self.package})"


@dataclass(frozen=True)
class Closure:
    """Packages that run together, and the tree of each."""

    packages: tuple[Offer, ...]
    """By name."""
    trees: dict[str, Digest]
    unmet: tuple[Unmet, ...]
    """What no package gives: helpers and plugins for programs that are not there."""


@dataclass
class Settings:
    """How to reach the archive."""

    mirror: str | None = None
    offline: bool = False
    accept_expired: bool = False
    keyring: Path = KEYS
    """Certificates that may sign a release: a file, or a directory of `*.gpg`."""
    suites: Sequence[str] = SUITES
    components: Sequence[str] = ("main",)
    watcher: Watcher | None = None
    """Told of downloads."""


class Universe:
    """One architecture's packages. `pins` are those of the lock file, if there is one; `lock` what it should be now.

    `kept` are globs of paths that slimming leaves in; `parts` are, by package, the only files that are wanted of it.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        machine: Machine,
        pins: Pins | None = None,
        settings: Settings | None = None,
        *,
        kept: Sequence[str] = (),
        parts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._kept = list(kept)
        self._parts = parts or {}
        self.machine = machine
        self.settings = settings or Settings()
        self.lock = pins or Pins()
        self._scheduler = scheduler
        self._store = scheduler.store
        self._index: Index | None = None
        self._sources: dict[str, str] = {}
        self._fresh: dict[str, dict[str, Any]] = {}
        self._previous: dict[str, dict[str, Any]] = {}

    def update(self) -> None:
        """Forget the pins, but not their dates: what is pinned next may not be older."""
        self._previous = self.lock.releases
        self.lock = Pins()
        self._index = None
        self._fresh = {}

    def closure(self, names: Iterable[str], *, install: Literal["slim", "full"] = "slim") -> Closure:
        """The packages that these bring, unpacked. New ones enter the lock; old pins stay."""
        wanted = sorted(set(names))
        self._check_suites()
        if set(wanted) <= set(self.lock.requests) and (install == "slim" or is_closed(self.lock.packages, wanted)):
            offers = dict(self.lock.packages)
            starts = [one.name for one in offers.values() if one.essential or any(one.meets(Term(name)) for name in wanted)]
            self._fetch(offers[name] for name in reachable(offers, starts))
            found = self._installed(offers, wanted, install)
        else:
            self._check_known(wanted)
            offers = self._resolved(wanted)
            found = self._installed(offers, wanted, install)
            if unsaid := self._unsaid(found):
                offers = self._resolved([*wanted, *unsaid])
                found = self._installed(offers, wanted, install)
        packages = {offer.name: offer for offer in found.packages} | self.lock.packages
        requests = tuple(sorted({*self.lock.requests, *wanted}))
        self.lock = Pins(self._fresh or self.lock.releases, requests, packages)
        return found

    def _check_suites(self) -> None:
        """Raise an error if the lock was made of other suites than are wanted."""
        pinned, wanted = sorted(self.lock.releases), sorted(self.settings.suites)
        if pinned and pinned != wanted:
            known, asked = ", ".join(pinned), ", ".join(wanted)
            raise error(Kind.BAD_LOCK, f"the lock pins packages of {known}, and debian.suites says {asked}",
                        hint="move the lock with `micros lock FILE --update`")  # fmt: skip

    def _check_known(self, names: list[str]) -> None:
        """Raise one error of every name that this architecture does not have, saying which architectures do."""
        index = self._opened()
        unknown = [name for name in names if not index.meeting(Term(name))]
        if not unknown:
            return
        holders, looked = look(unknown, self.machine.debian, self._fresh, self._store, self.settings, self._fetch_index)
        problems: list[MicrosError] = []
        for name in unknown:
            if holders[name]:
                note = f"it is there for {', '.join(holders[name])}"
            else:
                note = f"nor is it there for {', '.join(looked)}" if looked else "other architectures could not be looked at"
            problems.append(index.unknown(name, self.settings.suites, [note]))
        raise MicrosError(*(part for problem in problems for part in problem.problems))

    def _resolved(self, wanted: Sequence[str]) -> dict[str, Offer]:
        """What the solver chooses, in the locked versions where it can."""
        pinned = {name: offer.version for name, offer in self.lock.packages.items()}
        offers = resolve(self._opened(), wanted, suites=self.settings.suites, pins=pinned)
        return offers | {name: offer for name, offer in self.lock.packages.items() if name in offers}

    def _installed(self, offers: dict[str, Offer], wanted: list[str], install: Literal["slim", "full"]) -> Closure:
        return self._with_kept(_Walk(self, offers).run(wanted)) if install == "slim" else self._full(offers, wanted)

    def _with_kept(self, found: Closure) -> Closure:
        """The packages with what is wanted besides; what they need was found without it."""
        if not self._kept:
            return found
        offers = [offer for offer in found.packages if offer.name in found.trees]
        digests = self._scheduler.run_all([self._step("slim", offer, keep=self._kept) for offer in offers])
        return replace(found, trees={offer.name: digest for offer, digest in zip(offers, digests, strict=True)})

    def _unsaid(self, found: Closure) -> list[str]:
        """Essential packages that give what is still needed: nothing declares a dependency on them (policy 3.5)."""
        names = sorted({slim.likely_package(need.need) for need in found.unmet if need.need.startswith("/")})
        return [name for name in names if any(offer.essential for offer in self._opened().offers(name)[:1])]

    def _full(self, offers: dict[str, Offer], wanted: list[str]) -> Closure:
        """The package manager's own closure of the requests."""
        names = sorted(reachable(offers, wanted))
        chosen = [offers[name] for name in names]
        self._fetch(chosen)
        steps = [self._step("whole", offer) for offer in chosen]
        digests = self._scheduler.run_all(steps)
        return Closure(tuple(chosen), dict(zip(names, digests, strict=True)), ())

    def unpacked(self, offer: Offer) -> Step:
        """The step that unpacks a package."""
        return Step("micros.formats.deb:unpack", {"deb": offer.sha256}, {"name": offer.name}, f"unpack {offer.name}", "tree")

    def _step(self, program: str, offer: Offer, **more: Any) -> Step:
        inputs = {"package": self.unpacked(offer)}
        parameters: dict[str, Any] = {"name": offer.name, **more}
        if offer.name in self._parts and program == "slim":
            parameters["only"] = [path.lstrip("/") for path in self._parts[offer.name]]
        return Step(f"micros.debian.slim:{program}", inputs, parameters, f"slim {offer.name}", "tree")

    def _load(self, offers: Sequence[Offer]) -> list[tuple[Offer, Digest, dict[str, Any]]]:
        """Fetch, unpack and slim some packages: each with its slim tree and summary."""
        self._fetch(offers)
        slims = [self._step("slim", offer) for offer in offers]
        notes = [
            Step("micros.debian.slim:summary", {"package": step}, {}, f"look into {offer.name}")
            for offer, step in zip(offers, slims, strict=True)
        ]
        digests = self._scheduler.run_all([*slims, *notes])
        texts = [json.loads(self._store.read(digest)) for digest in digests[len(offers) :]]
        return list(zip(offers, digests, texts, strict=False))

    def _fetch(self, offers: Iterable[Offer]) -> None:
        missing = [offer for offer in offers if not self._store.use(offer.sha256)]
        if not missing:
            return
        from micros.store.fetch import UNWATCHED, Wanted, fetch_all  # what the network needs is a tenth of an unchanged build

        wanted = [
            Wanted(f"{self._base(offer.suite)}/{offer.filename}", offer.size, offer.sha256, f"{offer.name} {offer.version}")
            for offer in missing
        ]
        try:
            fetch_all(self._store, wanted, offline=self.settings.offline, watcher=self.settings.watcher or UNWATCHED)
        except MicrosError as problem:
            gone = [part for part in problem.problems if part.kind == Kind.DOWNLOAD and part.message.endswith("status 404")]
            if not gone:
                raise
            urls = {note.text for part in gone for note in part.notes}
            names = sorted(item.name for item in wanted if item.url in urls)
            raise error(
                Kind.VANISHED,
                f"the mirror no longer has {len(names)} locked packages",
                notes=names,
                hint="move the lock with `micros lock FILE --update`, or name an archive that keeps old versions: --mirror URL",
            ) from None

    def _base(self, suite: str) -> str:
        """The mirror's base URL for a suite: the user's, else the one the lock was made with, else the host's."""
        if suite not in self._sources and not self.settings.offline:
            from micros.debian.mirror import said_by_user

            known: str = self.lock.releases.get(suite, {}).get("url", "")
            by_lock = known and said_by_user(self.settings.mirror) is None
            self._sources[suite] = known if by_lock else self._locate(suite)[0].url
        return self._sources.get(suite, "")

    def _locate(self, suite: str) -> tuple[Source, bytes]:
        from micros.debian.mirror import candidates, locate, security_candidates

        mirrors = candidates(self.settings.mirror)
        return locate(suite, security_candidates(mirrors) if suite.endswith("-security") else mirrors)

    def _opened(self) -> Index:
        """The index: of the pinned releases where they are still to be had, else of today's."""
        if self._index is None:
            parts: list[tuple[str, bytes]] = []
            records: dict[str, dict[str, Any]] = {}
            for suite in self.settings.suites:
                record = self._whole(suite, self.lock.releases[suite]) if suite in self.lock.releases else self._pin(suite)
                records[suite] = record
                for path, (digest, size) in sorted(record["indices"].items()):
                    self._fetch_index(suite, path, Digest(digest), size)
                    parts.append((suite, self._store.read(Digest(digest))))
            self._index = Index(self.machine.debian, parts)
            self._fresh = records
        return self._index

    def _fetch_index(self, suite: str, path: str, digest: Digest, size: int) -> None:
        if self._store.use(digest):
            return
        from micros.store.fetch import UNWATCHED, Wanted, fetch_all

        base = f"{self._base(suite)}/dists/{suite}/"
        # By digest first, so that an update of the mirror in between does no harm; not every mirror has that directory.
        urls = [f"{base}{path.rpartition('/')[0]}/by-hash/SHA256/{digest}", base + path]
        failures: list[MicrosError] = []
        for url in urls:
            item = Wanted(url, size, digest, f"the index of {suite}")
            try:
                fetch_all(self._store, [item], offline=self.settings.offline, watcher=self.settings.watcher or UNWATCHED)
            except MicrosError as problem:
                if problem.kind not in (Kind.DOWNLOAD, Kind.DIGEST_MISMATCH):
                    raise
                failures.append(problem)
            else:
                return
        if suite in self.lock.releases:
            raise error(
                Kind.VANISHED,
                f"the mirror no longer has the index of {suite} that the lock pins, which a new package needs",
                notes=urls,
                hint="move the lock with `micros lock FILE --update`",
            )
        raise error(
            failures[-1].kind,
            f"the mirror does not have the index that its signed release of {suite} names",
            notes=[*urls, f"expected  sha256 {digest}, {size} bytes", failures[-1].problems[0].message],
            hint="the mirror may be in the middle of an update: try later, another --mirror, or other names of the same release "
            'in debian.suites, as "stable" for a code name',
        )

    def _pin(self, suite: str) -> dict[str, Any]:
        """Today's release of a suite, verified."""
        if self.settings.offline:
            raise error(Kind.OFFLINE, f"--offline, and no lock pins the suite {suite}", hint="build once without --offline")
        source, data = self._locate(suite)
        url = f"{source.url}/dists/{suite}/InRelease"
        release = verify(data, suite, url=url, keyring=self.settings.keyring, accept_expired=self.settings.accept_expired)
        self._check_order(release, url)
        self._store.add_bytes(data)
        self._sources[suite] = source.url
        indices = self._indices(release, url)
        record: dict[str, Any] = {"date": release.date, "sha256": release.digest, "url": source.url, "indices": indices}
        if release.valid_until is not None and release.valid_until < time.time():
            record["accepted_expired"] = True
        return record

    def _indices(self, release: Release, url: str) -> dict[str, list[Any]]:
        """Digest and size of this architecture's index of each component, by path."""
        indices = {}
        for component in self.settings.components:
            path = f"{component}/binary-{self.machine.debian}/Packages.xz"
            if path not in release.files:
                components = sorted({name.partition("/binary-")[0] for name in release.files if "/binary-" in name})
                notes = [f"architectures: {' '.join(release.architectures)}", f"components: {' '.join(components)}"]
                raise error(Kind.BAD_INDEX, f"{url} has no index for {component} on {self.machine.debian}", notes=notes)
            indices[path] = list(release.files[path])
        return indices

    def _whole(self, suite: str, record: dict[str, Any]) -> dict[str, Any]:
        """A pinned release with the components that are wanted since: its file is in the store, or still on the mirror."""
        wanted = {f"{component}/binary-{self.machine.debian}/Packages.xz" for component in self.settings.components}
        if wanted <= record["indices"].keys():
            return record
        digest = Digest(record["sha256"])
        if self._store.use(digest):
            data = self._store.read(digest)
        else:
            data = b"" if self.settings.offline else self._locate(suite)[1]
            if digest_of(data) != digest:
                message = f"a component of {suite} is new, and the release that the lock pins is gone from the mirror"
                raise error(Kind.VANISHED, message,
                            hint="move the lock with `micros lock FILE --update`")  # fmt: skip
            self._store.add_bytes(data)
        url = f"{record['url']}/dists/{suite}/InRelease"
        release = verify(data, suite, url=url, keyring=self.settings.keyring, accept_expired=True)
        return {**record, "indices": self._indices(release, url)}

    def _check_order(self, release: Release, url: str) -> None:
        pinned = self._previous.get(release.suite, {}).get("date", 0)
        if release.date < pinned:
            days = [time.strftime("%Y-%m-%d %H:%M", time.gmtime(value)) for value in (release.date, pinned)]
            raise error(Kind.DOWNGRADE, f"the release of {release.suite} is of {days[0]}, older than the pinned one of {days[1]}",
                        notes=[url], hint="the mirror is behind or replays: choose another with --mirror")  # fmt: skip


class _Walk:
    """From requests to all that their files need."""

    def __init__(self, universe: Universe, offers: dict[str, Offer]) -> None:
        self._universe = universe
        self._offers = offers
        self._loaded: dict[str, tuple[Offer, Digest, dict[str, Any]]] = {}
        self._chosen: dict[str, None] = {}
        self._given: set[str] = set()
        self._unmet: list[Unmet] = []

    def run(self, wanted: list[str]) -> Closure:
        level = [offer.name for name in wanted for offer in [self._named(name)]]
        while level:
            self._load(level)
            for name in level:
                self._chosen[name] = None
                self._given |= set(self._loaded[name][2]["gives"])
            following: dict[str, None] = {}
            for name in level:
                for other in self._next(name):
                    if other not in self._chosen:
                        following[other] = None
            level = list(following)
        names = sorted(self._chosen)
        trees = {name: self._loaded[name][1] for name in names}
        return Closure(tuple(self._loaded[name][0] for name in names), trees, tuple(self._unmet))

    def _named(self, name: str) -> Offer:
        """The package of a name, or the one chosen to provide it."""
        if name in self._offers:
            return self._offers[name]
        for _, offer in sorted(self._offers.items()):
            if offer.meets(Term(name)):
                return offer
        raise error(Kind.BAD_LOCK, f"the lock asks for {name} and has no package that gives it",
                    hint="make it anew with `micros lock FILE --update`")  # fmt: skip

    def _load(self, names: Iterable[str]) -> None:
        missing = [self._offers[name] for name in names if name not in self._loaded]
        for record in self._universe._load(missing):
            self._loaded[record[0].name] = record

    def _next(self, name: str) -> list[str]:
        """The packages that one package brings."""
        offer, _, facts = self._loaded[name]
        direct = dependencies(self._offers, offer)
        found = [other for other in direct if any(fnmatch.fnmatchcase(other, glob) for glob in slim.brought(name))]
        if not facts["files"]:
            found += [other for other in direct if not slim.is_skipped(other)]
        for need in facts["needs"]:
            if need not in self._given:
                provider = self._provider(need, name, direct)
                if provider is None:
                    self._unmet.append(Unmet(name, need))
                else:
                    found.append(provider)
        return found

    def _provider(self, need: str, name: str, direct: list[str]) -> str | None:
        """The package, among the dependencies and the essential ones, that gives a library or program; the likeliest by
        name is asked first."""
        near = reachable(self._offers, [name, *(offer.name for offer in self._offers.values() if offer.essential)])
        likely = sorted((other for other in near if slim.likelihood(need, other)),
                        key=lambda other: -slim.likelihood(need, other))  # fmt: skip
        for other in dict.fromkeys([*(o for o in self._loaded if o in near), *likely, *direct]):
            self._load([other])
            if need in self._loaded[other][2]["gives"]:
                return other
        return None
