"""A policy through time: its versions, and which one is in force when.

A directory of files is the history of one policy. A published version never changes; the one in force at a moment is
the latest whose `effective` has come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from os import PathLike
from pathlib import Path

from troth.policy.model import Version
from troth.policy.problems import Place, PolicyError, Problem, Problems
from troth.policy.reading import read_version


class Policy:
    """The versions of one policy, earliest first. Immutable.

    `archive` has them as they are shown when they are old: the same, unless its claims are followed.
    """

    __slots__ = ("_archive", "_effective", "versions")

    versions: tuple[Version, ...]
    _archive: Policy | None
    _effective: list[datetime]

    def __init__(self, versions: Iterable[Version], archive: Policy | None = None) -> None:
        """Order the versions; PolicyError when there are none, two are effective at once, or the ids differ."""
        ordered = tuple(sorted(versions, key=lambda version: version.effective))
        problems = Problems()
        if not ordered:
            problems.add("no-policy", Place("policy"), "There is no version of a policy.")
        for earlier, later in pairwise(ordered):
            if earlier.effective == later.effective:
                place = later.places.get("effective", Place(later.file))
                message = f"{earlier.file} comes into force at the same moment, {later.id}. Give one another date."
                problems.add("same-effective-date", place, message, found=later.id)
            if later.policy != ordered[0].policy:
                place = later.places.get("policy", Place(later.file))
                message = f"This is policy '{later.policy}'; {ordered[0].file} is policy '{ordered[0].policy}'."
                problems.add("other-policy", place, message, found=later.policy, allowed=(ordered[0].policy,))
        problems.raise_if_any()
        object.__setattr__(self, "versions", ordered)
        object.__setattr__(self, "_archive", archive)
        object.__setattr__(self, "_effective", [version.effective for version in ordered])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a policy is immutable")

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Policy:
        """Read a policy file, or a directory of `.yaml` files as the history of a policy.

        Files whose names begin with a dot or underscore are left out. Raises PolicyError with every problem of every
        file: a version that cannot be read would be a hole in the history, so nothing is read around it.
        """
        root = Path(path)
        if not root.is_dir():
            return cls([read_version(root)])
        files = sorted(
            file
            for file in root.iterdir()
            if file.suffix in (".yaml", ".yml") and file.is_file() and not file.name.startswith((".", "_"))
        )
        problems: list[Problem] = []
        versions: list[Version] = []
        for file in files:
            try:
                versions.append(read_version(file))
            except PolicyError as error:
                problems.extend(error.problems)
        if not files:
            message = "The directory holds no policy: no file ends in .yaml. `troth init` writes a first one."
            problems.append(Problem(code="no-policy", place=Place(str(root)), message=message))
        if problems:
            raise PolicyError(problems)
        return cls(versions)

    @property
    def archive(self) -> Policy:
        """The versions as they are shown when they are old."""
        return self if self._archive is None else self._archive

    @property
    def id(self) -> str:
        """The id of the policy, the same in all versions."""
        return self.versions[0].policy

    def in_force(self, at: datetime) -> Version | None:
        """The version in force at a moment (which must have a time zone), or None before the first."""
        index = bisect_right(self._effective, at)
        return self.versions[index - 1] if index else None

    def version(self, id: str) -> Version:
        """The version with that id (its effective date); KeyError when there is none."""
        for version in self.versions:
            if version.id == id:
                return version
        raise KeyError(id)

    def number(self, version: Version) -> int:
        """The position of a version in the history, from 1."""
        return self.versions.index(version) + 1
