"""The module language: options, definitions, evaluation. Knows nothing of Linux.

A module is a class whose annotated fields are options; calling it is a definition; a method is a deferred definition:

    class Sshd(Module, at="services.sshd"):
        \"\"\"Remote login over SSH.\"\"\"

        enable: bool = option(default=False, doc="Run the SSH server.")
        port: Port = option(default=22, doc="TCP port.", example=2222, aliases=["services.openssh.port"])

        @defines(Micros.services["sshd"], when=enable)
        def service(self, config: Config) -> Service:
            return Service(start_script=f"exec sshd -p {self.port}")

        @check
        def sane(self, config: Config) -> str | None:
            return "port 0 cannot be listened on" if self.port == 0 else None

    result = evaluate([Sshd, Sshd(enable=True, port=force(2222)), {"services": {"sshd": {"port": 1}}}, Path("a.toml")])
    result.config[Sshd].port; result.config.services.sshd.port; result.config.get("services.sshd.port")

* `Module`: `at=""` (or none) declares at the top level. Several modules may declare below one prefix. `Other(...)` gives
  a definition; several definitions of one module merge. Calling a class twice is never an error by itself.
* `Record`: a submodule. `User(uid=1000)` is a (partial) value of `User`, `dict[str, User]`, `list[User]`, `User | None`.
  A record's fields may use `name` of their entry with `option(default=lazy(lambda entry: entry.name))`: the function
  gets the record itself as `entry`; fields also have the methods of the class (`self.uid`), and `@defines(own_field)`.
* `option(default=..., doc=..., example=..., aliases=[...], read_only=False, internal=False, apply=f)`;
  `option(default=REQUIRED)` or `option()` has no default: reading it undefined is an error (`no-value`) unless its type has an
  empty value (list, dict, record, `T | None`). `default=lazy(lambda config: ...)` computes it.
* Open records: `class Settings(Record, freeform=str | int)`, or `freeform=formats.TOML`; `Settings(a=1) | {"b-c": "x"}` gives
  undeclared fields, `settings["b-c"]` reads them. `micros.lang.formats` writes them: `formats.TOML.generate(self.settings)`.
* Options of other modules: a module that declares one again, `services: dict[str, LogFields]`, adds the fields of its record
  to every entry; `at="a.record"` declares below a record; several modules may share one `at`.
* Old names: `Module(..., imports=[renamed("old.a", "new.b"), alias(...), changed(...), merged(...), removed(...)])`.
* `@defines(target, when=..., priority=..., order=...)`: the target is an option of any module (`Firewall.ports`), one key
  of a mapping (`Micros.services["sshd"]`), a field of an entry (`Accounts.users["ann"].shell`), or an own field by its
  name (`port`). `when` is a bool option, or `lazy(lambda config: ...)`. Bodies are pure and run when the target is read;
  they return a plain value; opening a file or a socket or starting a process there is an error of kind `impure`.
  `self.x` reads own options; `config[Other].x` others'.
* `@check` methods return None, a message, a `Complaint` (which names the options whose places it shows) or a list of them: all
  that fail are reported together (kind `assertion`) by `Evaluation.check()`.
  `@warns` methods return None, a message or a list of them: `Evaluation.warnings`.
* Wrappers, all `T -> T`: `force default before after order(n, x) override(n, x) when(cond, x) merge(a, b) lazy(f)`.
* Types: bool int float str, `Literal`, `Annotated[int, Range(lo, hi)]`, `Annotated[str, Pattern("...")]`, list[T], dict[str, T],
  `T | None`, unions, records, `Path`, `Port`, `Lines`, `Any`, `Raw`, `Callable[..., T]`, and what `leaf_type` registers.
* Data: dicts, `Path`s of TOML and JSON files, `setting("a.b=1")`; `hostName` and `host-name` mean a declared `host_name`.
"""

from __future__ import annotations

from micros.lang import formats
from micros.lang.annotations import Converted, Lines, NonEmptyStr, Pattern, Port, Range, Raw, Source, leaf_type, string_filter
from micros.lang.api import as_root, evaluate
from micros.lang.complaints import Complaint, places_of_record
from micros.lang.data import load_file, read_text, setting
from micros.lang.evaluation import Config, Evaluation, OptionCell, View
from micros.lang.finding import places_of
from micros.lang.reading import plain
from micros.lang.renames import alias, changed, merged, removed, renamed, unavailable
from micros.lang.surface import (
    REQUIRED,
    Entry,
    Module,
    Option,
    Record,
    check,
    defines,
    option,
    warns,
)
from micros.lang.types.paths import Located, located
from micros.lang.wrappers import after, before, default, force, lazy, merge, order, override, when

__all__ = [
    "REQUIRED", "Complaint", "Config", "Converted", "Entry", "Evaluation", "Lines", "Located", "Module", "NonEmptyStr",
    "Option", "OptionCell", "Pattern", "Port", "Range", "Raw", "Record", "Source", "View", "after", "alias", "as_root",
    "before", "changed", "check", "default", "defines", "evaluate", "force", "formats", "lazy", "leaf_type", "load_file",
    "located", "merge", "merged", "option", "order", "override", "places_of", "places_of_record", "plain", "read_text",
    "removed", "renamed", "setting", "string_filter", "unavailable", "warns", "when",
]  # fmt: skip
