"""The index of an archive: what each suite offers, paragraph by paragraph, parsed only where asked (policy 5.3)."""

from __future__ import annotations

import difflib
import lzma
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from micros.base.digest import Digest
from micros.base.errors import Kind, MicrosError, error
from micros.debian.version import key, satisfies
from micros.formats.deb import control_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INDEX_LIMIT_BYTES = 512 << 20
"""An index unpacked; the largest, of all of main, has about a tenth of this."""
_PACKAGE = re.compile(rb"^Package: (.+)$", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides: (.+)$", re.MULTILINE)
_TERM = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::(\w+))?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?")


class Term(NamedTuple):
    """One alternative of a relation: a name, and perhaps a version to compare with (policy 7.1)."""

    name: str
    operator: str = ""
    version: str = ""
    architecture: str = ""
    """Empty, `any`, `native`, or the one architecture that is meant."""

    def __str__(self) -> str:
        name = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{name} ({self.operator} {self.version})" if self.operator else name


def parse_relations(text: str) -> list[list[Term]]:
    """A relation field: a list of alternatives for each comma-separated part."""
    found: list[list[Term]] = []
    for part in text.split(","):
        terms = [
            Term(match[1], match[3] or "", match[4] or "", match[2] or "") for match in map(_match, part.split("|")) if match
        ]
        if terms:
            found.append(terms)
    return found


def _match(text: str) -> re.Match[str] | None:
    return _TERM.match(text.strip())


@dataclass(frozen=True)
class Offer:
    """A package that the archive offers, in one version."""

    name: str
    version: str
    architecture: str
    filename: str
    size: int
    sha256: Digest
    suite: str
    depends: str = ""
    conflicts: str = ""
    provides: str = ""
    essential: bool = False
    """Whether others may need it without saying so (policy 3.8)."""

    @cached_property
    def needs(self) -> list[list[Term]]:
        """Depends and Pre-Depends."""
        return parse_relations(self.depends)

    @cached_property
    def refuses(self) -> list[Term]:
        """Conflicts and Breaks."""
        return [terms[0] for terms in parse_relations(self.conflicts)]

    @cached_property
    def gives(self) -> list[Term]:
        """Provides."""
        return [terms[0] for terms in parse_relations(self.provides)]

    @cached_property
    def names(self) -> frozenset[str]:
        """Its own name and those it provides."""
        return frozenset([self.name, *(term.name for term in self.gives)])

    @cached_property
    def refused_names(self) -> frozenset[str]:
        """The names in Conflicts and Breaks."""
        return frozenset(term.name for term in self.refuses)

    def meets(self, term: Term) -> bool:
        """Whether this package is, or provides, what a term asks for (policy 7.5: an unversioned Provides never meets
        a versioned relation)."""
        if term.architecture not in ("", "any", "native", self.architecture):
            return False
        if self.name == term.name and satisfies(self.version, term.operator, term.version):
            return True
        for given in self.gives:
            if given.name == term.name and (
                not term.operator or (given.version and satisfies(given.version, term.operator, term.version))
            ):
                return True
        return False


def unpacked(packed: bytes, suite: str) -> bytes:
    """The text of a Packages.xz. Raises an error of kind `bad-index` for what is not one, or is larger than any can be."""
    try:
        text = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(packed, INDEX_LIMIT_BYTES + 1)
    except lzma.LZMAError as problem:
        raise error(Kind.BAD_INDEX, f"the index of {suite} cannot be unpacked: {problem}") from None
    if len(text) > INDEX_LIMIT_BYTES:
        raise error(Kind.BAD_INDEX, f"the index of {suite} unpacks to more than {INDEX_LIMIT_BYTES} bytes")
    return text


class Index:
    """All that several suites offer for one architecture."""

    def __init__(self, architecture: str, parts: Sequence[tuple[str, bytes]]) -> None:
        """`parts`: suite and the bytes of one of its Packages.xz."""
        self.architecture = architecture
        self._texts: list[tuple[str, bytes]] = []
        self._where: dict[str, list[tuple[int, int]]] = {}
        self._providers: dict[str, list[str]] = {}
        self._parsed: dict[str, list[Offer]] = {}
        for suite, packed in parts:
            text = unpacked(packed, suite)
            number = len(self._texts)
            self._texts.append((suite, text))
            starts: list[int] = []
            names: list[str] = []
            for match in _PACKAGE.finditer(text):
                names.append(match[1].decode())
                starts.append(match.start())
                self._where.setdefault(names[-1], []).append((number, match.start()))
            self._index_provides(text, starts, names)

    def _index_provides(self, text: bytes, starts: list[int], names: list[str]) -> None:
        position = 0
        for match in _PROVIDES.finditer(text):
            while position + 1 < len(starts) and starts[position + 1] < match.start():
                position += 1
            for terms in parse_relations(match[1].decode()):
                self._providers.setdefault(terms[0].name, []).append(names[position])

    def offers(self, name: str) -> list[Offer]:
        """All versions of a package, newest first."""
        found = self._parsed.get(name)
        if found is None:
            found = [self._parse(*place) for place in self._where.get(name, [])]
            found.sort(key=lambda offer: key(offer.version), reverse=True)
            self._parsed[name] = found
        return found

    def providers(self, name: str) -> Sequence[str]:
        """Names of the packages that have a version which provides a name."""
        return self._providers.get(name, ())

    def meeting(self, term: Term) -> list[Offer]:
        """Packages that meet a term: the named one first, then those that provide it, by name; newest versions."""
        found = [offer for offer in self.offers(term.name) if offer.meets(term)][:1]
        for name in sorted(set(self._providers.get(term.name, ()))):
            found += [offer for offer in self.offers(name)[:1] if name != term.name and offer.meets(term)]
        return found

    def unknown(self, name: str, suites: Iterable[str], notes: Sequence[str] = ()) -> MicrosError:
        """The error for a package that is nowhere; `notes` say what is known of other architectures."""
        near = difflib.get_close_matches(name, self._where, n=3, cutoff=0.75)
        hint = f"did you mean {', '.join(near)}?" if near else "look for its name in the archive's own search"
        where = f"{', '.join(suites)} for {self.architecture}"
        return error(Kind.UNKNOWN_PACKAGE, f"there is no package {name!r} in {where}", notes=notes, hint=hint)

    def _parse(self, number: int, start: int) -> Offer:
        suite, text = self._texts[number]
        end = text.find(b"\n\n", start)
        fields = control_fields(text[start : end if end >= 0 else len(text)].decode("utf-8", "replace"))
        try:
            return Offer(
                name=fields["Package"],
                version=fields["Version"],
                architecture=fields["Architecture"],
                filename=fields["Filename"],
                size=int(fields["Size"]),
                sha256=Digest(fields["SHA256"]),
                suite=suite,
                depends=", ".join(fields[name] for name in ("Pre-Depends", "Depends") if name in fields),
                conflicts=", ".join(fields[name] for name in ("Conflicts", "Breaks") if name in fields),
                provides=fields.get("Provides", ""),
                essential=fields.get("Essential") == "yes",
            )
        except (KeyError, ValueError) as problem:
            name = fields.get("Package", "?")
            raise error(Kind.BAD_INDEX, f"the index of {suite} has no usable entry for {name}: {problem}") from None
