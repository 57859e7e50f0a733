"""From the bytes of a policy file to a tree of nodes that remember their places.

libyaml (through PyYAML's C parser) splits the text into events; the tree is composed here, so that what would cost
unbounded time or memory, or would let one sentence stand for many, is refused on the way: anchors and aliases, tags,
nesting beyond `DEEPEST`, a second document, a key twice. Every scalar stays the text that was written: what it means is
decided by the model, never by YAML's guessing.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import yaml

from troth.policy.problems import Place, Problems

LARGEST = 32 * 1024 * 1024  # bytes; 10,000 statements are about 3 MB
DEEPEST = 20  # the language needs 6

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Node:
    """A scalar, a list or a mapping, with the line and column (from 1) at which it begins."""

    __slots__ = ("column", "items", "kind", "line", "plain", "text")

    def __init__(self, kind: str, line: int, column: int) -> None:
        self.kind = kind  # "text", "list" or "mapping"
        self.line = line
        self.column = column
        self.text = ""  # of a scalar
        self.plain = False  # a scalar without quotes
        self.items: list[tuple[Node | None, Node]] = []  # (None, item) of a list, (key, value) of a mapping

    @property
    def empty(self) -> bool:
        """Whether nothing was written (`key:`, or YAML's `~`)."""
        return self.kind == "text" and self.plain and self.text in ("", "~", "null")


def read_bytes(path: Path, problems: Problems) -> bytes | None:
    """The bytes of a file, or None with a problem noted."""
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        problems.add("file-not-found", place, "There is no such file.")
        return None
    except OSError as error:
        problems.add("file-unreadable", place, f"The file cannot be read: {error.strerror or error}.")
        return None
    if len(data) > LARGEST:
        problems.add("file-too-large", place, f"The file is larger than {LARGEST // 1024**2} MB.")
        return None
    return data


def decode(data: bytes, file: str, problems: Problems) -> str | None:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 with a byte order mark. None with a problem noted."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        problems.add(
            "encoding",
            Place(file, line, column),
            f"The byte 0x{data[error.start]:02x} is not {encoding.upper().removesuffix('-SIG')} text. "
            "Save the file as UTF-8.",
        )
        return None


def compose(text: str, file: str, problems: Problems) -> Node | None:
    """The tree of a YAML text, or None with a problem noted."""
    try:
        parser = yaml.CSafeLoader(text)
    except yaml.YAMLError as error:
        _syntax_problem(error, text, file, problems)
        return None
    try:
        return _compose(parser, file, problems)
    except yaml.YAMLError as error:
        _syntax_problem(error, text, file, problems)
        return None
    finally:
        parser.dispose()


def _compose(parser: yaml.CSafeLoader, file: str, problems: Problems) -> Node | None:
    root: Node | None = None
    stack: list[Node] = []
    keys: list[Node | None] = []  # the key that waits for its value, per open node
    seen: list[dict[str, int]] = []  # the keys so far and their lines, per open node
    documents = 0
    while True:
        event: Any = parser.get_event()  # the stubs do not know which events have which attributes
        kind = type(event)
        if kind is yaml.StreamEndEvent:
            return root
        if kind is yaml.DocumentStartEvent:
            documents += 1
            if documents == 2:
                place = _place(file, event)
                problems.add("several-documents", place, "A second document begins here; a policy is one document.")
                return None
            continue
        if kind in (yaml.StreamStartEvent, yaml.DocumentEndEvent):
            continue
        if kind in (yaml.SequenceEndEvent, yaml.MappingEndEvent):
            stack.pop()
            keys.pop()
            seen.pop()
            continue
        place = _place(file, event)
        if kind is yaml.AliasEvent or event.anchor is not None:
            mark = "*" if kind is yaml.AliasEvent else "&"
            message = (
                f"'{mark}{event.anchor}': a policy has no anchors and aliases; each statement says what it says. "
                "Write it out, or put the text in quotes."
            )
            problems.add("alias", place, message, found=f"{mark}{event.anchor}")
            return None
        if event.tag is not None and event.tag != "!":
            problems.add("tag", place, f"'{event.tag}': a policy has no YAML tags; leave it out.", found=event.tag)
            return None
        node = Node(_KINDS[kind], place.line, place.column)
        if kind is yaml.ScalarEvent:
            node.text = event.value
            node.plain = event.style is None or event.style == ""
        if not stack:
            root = node
        else:
            parent = stack[-1]
            if parent.kind == "list":
                parent.items.append((None, node))
            elif keys[-1] is None:
                if node.kind != "text":
                    problems.add("wrong-type", place, f"A key is one word, not a {node.kind}.")
                    return None
                if node.text in seen[-1]:
                    message = f"The key '{node.text}' stands here again; the first is in line {seen[-1][node.text]}."
                    problems.add("duplicate-key", place, message, found=node.text)
                seen[-1].setdefault(node.text, node.line)
                keys[-1] = node
                continue
            else:
                parent.items.append((keys[-1], node))
                keys[-1] = None
        if kind is not yaml.ScalarEvent:
            if len(stack) == DEEPEST:
                problems.add("too-deep", place, f"This is nested more than {DEEPEST} levels deep.")
                return None
            stack.append(node)
            keys.append(None)
            seen.append({})


_KINDS = {yaml.ScalarEvent: "text", yaml.SequenceStartEvent: "list", yaml.MappingStartEvent: "mapping"}


def _place(file: str, event: Any) -> Place:
    mark = event.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def _syntax_problem(error: yaml.YAMLError, text: str, file: str, problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        # libyaml's reader names only a position in the stream, for characters that no YAML text may have.
        position = min(int(getattr(error, "position", 0) or 0), len(text))
        line = text.count("\n", 0, position) + 1
        place = Place(file, line, position - (text.rfind("\n", 0, position) + 1) + 1)
        problems.add("yaml", place, f"This is not YAML: {getattr(error, 'reason', error)}.")
        return
    place = Place(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line_text = lines[mark.line] if mark.line < len(lines) else ""
    indent = line_text[: len(line_text) - len(line_text.lstrip())]
    if "\t" in indent or line_text[mark.column : mark.column + 1] == "\t":
        place = Place(file, mark.line + 1, line_text.index("\t") + 1)
        problems.add("tab", place, "A tab stands where YAML wants spaces; indent with spaces.")
        return
    what = getattr(error, "problem", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    problems.add("yaml", place, f"This is not YAML: {what}{f' {context}' if context else ''}.")
