"""Verify the evidence of a promise, offline, without trusting whoever gave it.

It needs Python 3.11 and `verifier.py` beside it, and nothing else: no network, no package. In the unpacked folder:

    python -I verify.py --key "example.org/log+1a2b3c4d+AX…"

It ends with 0 when everything holds, with 1 when something does not, with 2 when it was called wrongly, and with 3 when
everything holds and the entries show that what the promise rules out was done. What it prints is proven by the
signature of that key. `index.html` and `tallies.json` are what the keeper says.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from troth.record import verifier
else:

    def _verifier() -> object:
        if __package__:  # within Troth, whose tests run it
            return importlib.import_module("troth.record.verifier")
        sys.dont_write_bytecode = True  # nothing is added to the folder that is verified
        spec = importlib.util.spec_from_file_location("verifier", Path(__file__).with_name("verifier.py"))
        module = sys.modules["verifier"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    verifier = _verifier()

MANIFEST = "manifest.json"
# The kinds of entries that tell of data of persons, and the action that each tells of.
ACTS = {"collected": "collect", "used": "use", "disclosed": "share", "mailed": "use"}
_SAID = ("kind", "version", "recipient", "purpose", "product", "outcome")
Group = tuple[str, ...]
Numbers = dict[Group, list[int]]


class Contradicted(Exception):  # noqa: N818 - what was verified holds; it is the promise that does not
    """Everything holds, and the entries show that what the promise rules out was done."""


def count(groups: Numbers, body: Mapping[str, Any]) -> None:
    """Add an entry that tells of data to the group of those that say the same of it: entries, persons, values."""
    statements = ", ".join(sorted(body["statements"])) if "statements" in body else body["statement"]
    numbers = groups.setdefault((*(str(body.get(name, "")) for name in _SAID), statements), [0, 0, 0])
    persons = body.get("persons", 1)
    for place, number in enumerate((1, persons, body.get("values", 0))):
        numbers[place] += number


def listed(groups: Numbers) -> list[dict[str, object]]:
    """Groups as `entries.json` has them."""
    return [
        {**dict(zip((*_SAID, "statements"), group, strict=True)), "entries": some, "persons": persons, "values": values}
        for group, (some, persons, values) in sorted(groups.items())
    ]


def spelled(value: object) -> bytes:
    """JSON as the files of evidence have it: one spelling for one value."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


@dataclass
class Seen:
    """What the proven entries say."""

    policy: str
    wanted: frozenset[int]
    kinds: dict[str, int] = field(default_factory=dict)
    groups: Numbers = field(default_factory=dict)
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    verified: dict[int, dict[str, Any]] = field(default_factory=dict)
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, index: int, data: bytes) -> None:
        """Take an entry whose place in the log is proven, or is about to be."""
        body = verifier.read_json(data)
        if not isinstance(body, dict) or verifier.canonical_json(body) != data:
            raise verifier.VerifyError(f"Entry {index} is not one of a record.")
        kind = body["kind"]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind in ACTS:
            count(self.groups, body)
        elif kind == "published" and body["policy"] == self.policy:
            self.published[body["version"]] = body
        elif kind == "verified":
            self.verified[index] = body
        if index in self.wanted:
            self.kept[index] = body


def verify_pack(folder: Path, keys: Sequence[verifier.Key], since: Sequence[Path] = ()) -> list[str]:
    """Verify the evidence in a folder; what is proven, line by line.

    VerifyError says what does not hold. Contradicted: all holds, and what the promise rules out was done.
    """
    names = verify_manifest(folder)
    head = verifier.open_checkpoint((folder / "checkpoint").read_bytes(), keys)
    for line in (folder / "keys.txt").read_text("utf-8").splitlines():
        verifier.read_key(line)
    promise = _json(folder, "promise.json")
    openings = _json(folder, "openings.json")
    if (promise["log"], promise["size"]) != (head.origin, head.size):
        raise verifier.VerifyError(f"promise.json is of {promise['log']} with {promise['size']} entries.")
    seen = Seen(promise["policy"], frozenset(one["index"] for one in openings))
    if promise["whole"]:
        known = [verifier.open_checkpoint(path.read_bytes(), keys) for path in since]
        verifier.verify_log(verifier.reader(str(folder)), keys, known, seen.take)
    elif since:
        raise verifier.VerifyError("That a record goes on, only evidence with the whole record shows.")
    else:
        _verify_proofs(folder, names, keys, seen)
    lines = [f"The manifest holds: {len(names)} files are as they were made."]
    lines.append(f"The checkpoint holds: {head.size} entries of {head.origin}, root {head.root.hex()}.")
    proven = sum(seen.kinds.values())
    if promise["whole"]:
        lines.append(f"The evidence is complete: it has all {proven} entries of the record up to that checkpoint.")
        lines += [f"  {number:9} {kind}" for kind, number in sorted(seen.kinds.items())]
    else:
        lines.append(f"{proven} entries are in the record. That there are no more about this promise is not proven.")
    if listed(seen.groups) != _json(folder, "entries.json"):
        raise verifier.VerifyError("entries.json says something else than the entries.")
    lines += _verify_policy(folder, names, promise, seen)
    lines += _verify_tests(_json(folder, "verifications.json"), promise, seen)
    for one in openings:
        body, salt = seen.kept.get(one["index"], {}), bytes.fromhex(one["salt"])
        if not all(body.get(name) == verifier.commitment(salt, name, value) for name, value in one["values"].items()):
            raise verifier.VerifyError(f"The opening of entry {one['index']} is not that of the entry.")
        lines.append(f"Entry {one['index']} is opened: {json.dumps(one['values'], ensure_ascii=False)}")
    lines.append("What was done with data of persons, as the entries say it:")
    lines += [f"  {text}" for text in map(_described, listed(seen.groups))] or ["  nothing"]
    lines += _verify_never(promise, seen)
    return lines


def verify_manifest(folder: Path) -> list[str]:
    """The names of all files that the manifest has, after each was compared. VerifyError: one is not what it says."""
    written = (folder / MANIFEST).read_bytes()
    manifest = verifier.read_json(written)
    if not isinstance(manifest, dict) or spelled(manifest) != written:
        raise verifier.VerifyError("The manifest is not in its form.")
    for name, digest in manifest.items():
        if Path(name).is_absolute() or ".." in Path(name).parts or name == MANIFEST:
            raise verifier.VerifyError(f"The manifest names '{name}', which is not a file of evidence.")
        try:
            data = (folder / name).read_bytes()
        except OSError:
            raise verifier.VerifyError(f"{name} is missing or cannot be read.") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise verifier.VerifyError(f"{name} is not as it was made: its SHA-256 differs.")
    return sorted(manifest)


def _verify_proofs(folder: Path, names: Iterable[str], keys: Sequence[verifier.Key], seen: Seen) -> None:
    checkpoint = (folder / "checkpoint").read_bytes()
    root = verifier.open_checkpoint(checkpoint, keys)
    for name in names:
        if name.startswith("entries/"):
            proof = verifier.parse_proof((folder / name).read_bytes())
            if proof.checkpoint != checkpoint or proof.extra is None:
                raise verifier.VerifyError(f"{name} is not under the checkpoint of this evidence.")
            if name != f"entries/{proof.index:09d}.tlog-proof":
                raise verifier.VerifyError(f"{name} is the proof of entry {proof.index}.")
            leaf = verifier.hash_leaf(proof.extra)
            verifier.verify_inclusion(proof.index, root.size, leaf, proof.hashes, root.root)
            seen.take(proof.index, proof.extra)


def _verify_policy(folder: Path, names: Iterable[str], promise: Mapping[str, Any], seen: Seen) -> list[str]:
    files = {name for name in names if name.startswith("policy/")}
    if files != {f"policy/{version}.yaml" for version in seen.published}:
        raise verifier.VerifyError("The files of the policy are not those that the entries say were published.")
    for version, body in seen.published.items():
        if hashlib.sha256((folder / f"policy/{version}.yaml").read_bytes()).hexdigest() != body["sha256"]:
            raise verifier.VerifyError(f"policy/{version}.yaml is not the file that was published.")
    begun = [body for body in seen.published.values() if body["effective"] <= promise["at"]]
    if not begun or max(begun, key=lambda body: str(body["effective"]))["version"] != promise["version"]:
        raise verifier.VerifyError(f"Version {promise['version']} was not in force at {promise['at']}.")
    first, last = promise["lines"]
    text = (folder / f"policy/{promise['version']}.yaml").read_text("utf-8").split("\n")[first - 1 : last]
    if not text or not text[0].strip().startswith(f"{promise['id']}:"):
        raise verifier.VerifyError(f"'{promise['id']}' does not stand in line {first} of its version.")
    return [
        f"The policy holds: {len(files)} published versions. {promise['version']}, lines {first} to {last}, says:",
        *(f"  {line}" for line in text),
    ]


def _verify_tests(tests: Mapping[str, Any], promise: Mapping[str, Any], seen: Seen) -> list[str]:
    for name, results in tests.items():
        for one in results:
            body = seen.verified.get(one["index"], {})
            if {key: body.get(key) for key in ("name", "result", "sentence", "at")} != {
                "name": name, **{key: one[key] for key in ("result", "sentence", "at")},
            }:  # fmt: skip
                raise verifier.VerifyError(f"The result of '{name}' in entry {one['index']} is not in the record.")
    newest = {name: max(results, key=lambda one: int(one["index"])) for name, results in tests.items() if results}
    if promise["whole"]:
        for index, body in seen.verified.items():
            shown = [one["index"] for one in tests.get(body["name"], ())]
            if body["name"] in tests and index > max(shown, default=-1):
                raise verifier.VerifyError(f"A later result of '{body['name']}' is left out: entry {index}.")
    if promise["state"] == "kept" and any(newest.get(name, {}).get("result") != "passed" for name in tests):
        raise verifier.VerifyError("It says that the promise is kept, and a test that it rests on did not pass.")
    return [
        f"Test '{name}': " + (f"{newest[name]['result']} at {newest[name]['at']}" if name in newest else "never done")
        for name in tests
    ]


def _verify_never(promise: Mapping[str, Any], seen: Seen) -> list[str]:
    if not promise["never"]:
        return []
    rules = {rule["version"]: rule for rule in promise["never"]}
    found: list[str] = []
    judged, open_, acts = 0, 0, {act for rule in rules.values() for act in rule["actions"]}
    for group in listed(seen.groups):
        rule = rules.get(str(group["version"]))
        if rule is None or ACTS[str(group["kind"])] not in rule["actions"]:
            continue
        said = [(rule["where"], "product"), (rule["purposes"], "purpose"), (rule["recipients"], "recipient")]
        if group["outcome"] in ("suppressed", "refused") or any(
            some and group[name] not in some for some, name in said
        ):
            judged += 1
        elif rule["data"]:
            open_ += 1
        else:
            found.append(_described(group))
    if found:
        raise Contradicted("These entries are of what is promised never to be done:\n  " + "\n  ".join(found))
    lines = [f"It promises never to: {', '.join(sorted(acts))}."]
    if acts.isdisjoint(ACTS.values()):
        lines.append(
            "No gate does that. To whom data was given, and for what, the entries above say; whether something"
        )
        lines.append("was paid for it, no entry can say.")
    if judged:
        lines.append(f"{judged} lines above are of such an action, and by what they say not of what is ruled out.")
    if open_:
        lines.append(
            f"{open_} lines above may be of it or not: it is about certain data, which entries only commit to."
        )
    return lines


def _described(group: Mapping[str, Any]) -> str:
    said = [f"{group['entries']} x {group['kind']}"]
    words = (("recipient", "to"), ("purpose", "for"), ("product", "on"), ("statements", "under"), ("version", "of"))
    said += [f"{word} {group[name]}" for name, word in words if group[name]]
    outcome = f", {group['outcome']}" if group["outcome"] else ""
    numbers = f": {group['persons']} persons, {group['values']} values" if group["values"] else ""
    return " ".join(said) + outcome + numbers


def _json(folder: Path, name: str) -> Any:
    return verifier.read_json((folder / name).read_bytes())


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in line)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see above for what it ends with."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify the evidence of a promise, offline.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent, help="where the evidence lies")
    parser.add_argument("--key", action="append", required=True, help="a key of the record that you trust")
    parser.add_argument("--since", action="append", type=Path, default=[], help="a checkpoint you kept from earlier")
    given = parser.parse_args(arguments)
    try:
        lines = verify_pack(given.folder, [verifier.read_key(text) for text in given.key], given.since)
    except Contradicted as found:
        print(_printable(f"VERIFIED, and the promise was not kept. {found}"))
        return 3
    except (verifier.VerifyError, OSError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as fault:
        print(_printable(f"NOT verified: {fault}"), file=sys.stderr)
        return 1
    print(_printable("\n".join([*lines, "VERIFIED."])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
