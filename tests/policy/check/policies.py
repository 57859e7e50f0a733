"""Small policies for tests: base.yaml, changed by what a case says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import yaml

from troth.policy.model import Version
from troth.policy.reading import parse_version
from troth.policy.values import read_moment

HERE = Path(__file__).parent
WORD = "word "


def load(name: str) -> dict:
    """A file beside the tests; every value stays the text that it is."""
    return yaml.load((HERE / name).read_text("utf-8"), Loader=yaml.BaseLoader)


def merged(base: object, change: object) -> object:
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    result = dict(base)
    for key, value in change.items():
        if value == "":
            result.pop(key, None)
        else:
            result[key] = merged(base.get(key), value)
    return result


def policy(change: dict, file: str = "policy.yaml") -> Version:
    """base.yaml with the change, read as a policy file is read."""
    whole = merged(load("base.yaml"), {key: value for key, value in change.items() if key not in ("at", "older")})
    nothing = [key for key, value in whole.items() if value == "{nothing}"]
    for key in nothing:
        whole[key] = {}
    says = whole.get("says")
    if isinstance(says, str) and says.endswith(" words}"):
        count = int(says.strip("{}").split()[0])
        whole["says"] = " ".join(["We keep our word."] * (count // 4))
    whole = json.loads(json.dumps(whole))  # no two keys share a value, which YAML would write as an alias
    written = yaml.dump(whole, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1000)
    return parse_version(written.encode(), file)


def case_at(change: dict) -> datetime:
    return read_moment(change["at"]) if "at" in change else datetime(2026, 2, 1, tzinfo=UTC)


def case_older(change: dict) -> tuple[Version, ...]:
    if "older" not in change:
        return ()
    return (policy({**change["older"], "effective": "2025-01-01"}, "older.yaml"),)
