"""The rules of the packet filter, checked when the system is built: `nft -c` says of each whether it means something.

nft compiles the rules and asks a kernel whether it would take them, in namespaces of its own. The kernel is that of the
machine that builds. It knows nothing of the guest's interfaces, nor do rules ask for them by name. Where this kernel has
no packet filter or forbids namespaces, rules that modules made of checked options are believed, and those that a user
wrote are an error that says how to go on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.base.tree import File
from micros.lang.finding import places_of
from micros.lang.purity import is_module
from micros.lang.values import parse_path
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.nftables import RULES, RULESET_FILE, Nftables
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.where import Where
    from micros.lang import Config
    from micros.plan.builder import Builder

TOOLS = ("nftables", "busybox")
READ_BY_RULES = ("etc/hosts", "etc/passwd", "etc/group", "etc/protocols", "etc/services", RULES, RULESET_FILE)
"""Files of the system that rules may name things of."""

SCRIPT = """\
cp /{rules} ruleset.conf
{{
{before}
}} || exit
{{ nft -c -f ruleset.conf 2>&1 || echo "nft: $?"; }} >said
cat said >&2
! grep -q '^nft: ' said
"""

_FAULT = re.compile(r"([^:\s]+):(\d+):(\d+)-(\d+): Error: (.*)")
"""What nft says of a rule (nft(8), error reporting)."""
_NO_FILTER = ("cache initialization failed", "Unable to initialize Netlink socket")
"""What nft says where the kernel has no packet filter, or forbids it."""
_NO_PART = "Could not process rule"
"""What nft says where the kernel refuses a rule: often it lacks a part of the filter."""


_OWNER = {"mode": "0644", "uid": 0, "gid": 0}


@dataclass(frozen=True, slots=True)
class Rules:
    """What is to be checked besides the files themselves."""

    before: str
    """Shell code that changes a copy of the rules."""
    texts: tuple[tuple[str, str, tuple[Where, ...]], ...]
    """What users wrote: option, text, places."""


def rules_of(config: Config) -> Rules | None:
    """The rules to check; None where there are none, or nobody wants them checked."""
    nftables = config[Nftables]
    if not (nftables.enable and nftables.check_ruleset):
        return None
    texts = tuple((option, text, _users_places(config, option)) for option, text in _texts(config) if text)
    return Rules(nftables.pre_check_ruleset, texts)


def _users_places(config: Config, option: str) -> tuple[Where, ...]:
    """Where users set an option: what MicrOS' own modules say there is not theirs to change."""
    return tuple(where for where in places_of(config, parse_path(option)) if not is_module(where.file))


def _texts(config: Config) -> Iterator[tuple[str, str]]:
    """Every option that holds rules, with its text."""
    firewall, nftables = config[Firewall], config[Nftables]
    for name in ("extra_input_rules", "extra_forward_rules", "extra_reverse_path_filter_rules"):
        yield f"networking.firewall.{name}", getattr(firewall, name)
    for name, table in nftables.tables.items():
        if table.enable:
            yield f'networking.nftables.tables."{name}".content', table.content
    yield "networking.nftables.ruleset", nftables.ruleset
    yield "networking.nftables.extra_deletions", nftables.extra_deletions
    yield "networking.nftables.ruleset_file", f'include "/{RULESET_FILE}"' if nftables.ruleset_file is not None else ""


def _content(build: Builder, entry: dict[str, Any]) -> dict[str, Any]:
    """A declared file with its content by digest, in the store, where it is the user's or a copy of a package's."""
    if "copy" in entry:
        trees = (build.store.tree(digest) for digest in build.root.trees.values())
        found = next((file for tree in trees if isinstance(file := tree.get(entry["copy"]), File)), None)
        return {"absent": True} if found is None else {**_OWNER, "blob": found.digest}
    build.sources({"": entry})
    return entry


def check(build: Builder, rules: Rules) -> None:
    """Raise an error of kind `bad-rules` with each rule that nft refuses, its option and place."""
    files = {path: _content(build, build.plan.files[path]) for path in READ_BY_RULES if path in build.plan.files}
    inputs: dict[str, Digest | Step] = {f"blob:{entry['blob']}": entry["blob"] for entry in files.values() if "blob" in entry}
    files["etc/check"] = {"text": SCRIPT.format(rules=RULES, before=rules.before or ":"), "mode": "0755", "uid": 0, "gid": 0}
    below_etc = {path.removeprefix("etc/"): spec for path, spec in files.items()}
    etc = Step("micros.formats.compose:compose", inputs, {"files": below_etc}, "rules", "tree")
    tools = build.tools(*TOOLS)
    applets = Step("micros.formats.busybox:links", {"package": tools}, {"at": "usr/bin"}, "applets", "tree")
    both: dict[str, Digest | Step] = {"tools": tools, "applets": applets}
    root = Step("micros.formats.compose:compose", both, {"files": {}, "below": ["applets"]}, "tools with applets", "tree")
    given = {"argv": ["sh", "/etc/check"], "capabilities": ["CAP_NET_ADMIN"]}
    try:
        build.run(Step("micros.store.command:run", {"root": root, "etc": etc}, given, "check of the rules"))
    except MicrosError as problem:
        if problem.kind not in (Kind.STEP_FAILED, Kind.SANDBOX):
            raise
        said = [note.text for note in problem.problems[0].notes]
        if refused := list(_refused(said, rules)):
            raise MicrosError(*refused) from None
        if any(text in line for line in said for text in _NO_FILTER) or problem.kind == Kind.SANDBOX:
            _believe(rules, problem)
        elif not any(_NO_PART in line for line in said):
            raise


def _refused(said: list[str], rules: Rules) -> Iterator[Problem]:
    """A problem for each rule that nft refused, and for each rule of a user that the kernel refused."""
    for number, line in enumerate(said):
        match = _FAULT.match(line.strip())
        if match is None:
            continue
        shown = [text.rstrip() for text in said[number + 1 : number + 3]]
        option, places = _owner(shown[0] if shown else "", match[1], rules)
        if match[5].startswith(_NO_PART) and not places:
            continue
        notes = [*(Note(where, option) for where in places), *(Note(None, text) for text in shown if text)]
        where = f"line {match[2]} of /{RULESET_FILE if match[1].endswith(RULESET_FILE) else RULES}"
        hint = f"this is {where}; nft(8) has the grammar"
        if match[5].startswith(_NO_PART):
            hint = f"this is {where}; where only this machine's kernel lacks it, set networking.nftables.check_ruleset = false"
        yield Problem(Kind.BAD_RULES, f"{option or where}: {match[5]}", tuple(notes), hint)


def _owner(line: str, file: str, rules: Rules) -> tuple[str, tuple[Where, ...]]:
    """The option that a line of the rules comes from, and its places: the first whose text has such a line."""
    wanted = "ruleset_file" if file.endswith(RULESET_FILE) else ""
    for option, text, places in rules.texts:
        if (wanted and option.endswith(wanted)) or line.strip() in (own.strip() for own in text.splitlines()):
            return option, places
    return "", ()


def _believe(rules: Rules, problem: MicrosError) -> None:
    """The machine that builds cannot check. Only what users wrote can be wrong."""
    written = [(option, places) for option, text, places in rules.texts if places]
    if not written:
        return
    option, places = written[0]
    first = problem.problems[0]
    notes = (*(Note(where, option) for where in places), *first.notes[-3:])
    hint = first.hint or "load nf_tables on this machine, or set networking.nftables.check_ruleset = false to find out at boot"
    raise MicrosError(Problem(problem.kind, f"the rules cannot be checked here: {first.message}", notes, hint))
