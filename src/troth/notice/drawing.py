"""The drawing: where data comes from, what it is used for, and who gets it.

Four columns of nodes and the lines between them, laid out here; `templates/drawing.svg` draws them. The same lines in
words (`in_words`) are the text alternative.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from troth.notice.grid import VERDICTS, Grid, Verdict
from troth.notice.words import listed, small
from troth.policy.model import Version

WIDTH = 1080
NODE = 178  # width of a node
ROW = 40  # height that the fullest column gives a node
TOP = 44  # where the nodes begin, below the titles of the columns
HEIGHT_OF_NODE = 26
ORIGINS = {"person": "You", "use": "Products in use", "device": "Your device, on sites", "third_party": "Others"}
TITLES = ("From", "Data", "Used for", "Shared with")
QUALIFIED = {"always": "", "refuse": " (you can refuse)", "agree": " (only if you agree)", "never": ""}


class Node(msgspec.Struct, frozen=True):
    """A box of the drawing; `y` is its middle."""

    label: str
    x: float
    y: float


class Edge(msgspec.Struct, frozen=True):
    """A line from one node to another: the path of the curve and how far the person decides about it."""

    path: str
    verdict: Verdict


class Drawing(msgspec.Struct, frozen=True):
    """Nodes and edges, and the titles of the columns with their places."""

    height: float
    titles: tuple[Node, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    in_words: tuple[tuple[str, str], ...]


Flow = tuple[int, str, str, Verdict]  # column that it leaves, from, to, verdict


def draw(version: Version, grid: Grid) -> Drawing:
    """The drawing of a version at the moment of its grid, which is the summary (`grid.summary`)."""
    flows = [*_origins(version), *_purposes(grid), *_recipients(version, grid)]
    columns = _columns(version, grid, flows)
    rows = max(len(column) for column in columns)
    height = TOP + ROW * rows
    nodes: dict[tuple[int, str], Node] = {}
    for index, column in enumerate(columns):
        step = ROW * rows / max(len(column), 1)
        for place, (key, label) in enumerate(column.items()):
            nodes[index, key] = Node(label, _x(index), round(TOP + step * (place + 0.5), 1))
    known = [flow for flow in flows if (flow[0], flow[1]) in nodes and (flow[0] + 1, flow[2]) in nodes]
    return Drawing(
        height=height,
        titles=tuple(Node(title, _x(index), 14) for index, title in enumerate(TITLES)),
        nodes=tuple(nodes.values()),
        edges=_edges(nodes, known),
        in_words=_in_words(grid, known, columns),
    )


def _x(column: int) -> float:
    return round(column * (WIDTH - NODE) / (len(TITLES) - 1), 1)


# --- what flows -------------------------------------------------------------------------------------------------------


def _origins(version: Version) -> list[Flow]:
    found: dict[tuple[str, str], Verdict] = {}
    for statement in version.collects:
        verdict: Verdict = "agree" if statement.only_if else "refuse" if statement.unless else "always"
        for source in statement.sources:
            for term in statement.data:
                pair = (source, version.vocabulary.path("data", term)[0])
                found[pair] = _wider(found.get(pair, "never"), verdict)
    return [(0, source, root, verdict) for (source, root), verdict in found.items()]


def _purposes(grid: Grid) -> list[Flow]:
    return [
        (1, group.whole.term, column.term, cell.verdict)
        for group in grid.groups
        for column, cell in zip(grid.columns, group.whole.cells, strict=True)
        if column.kind == "purpose" and cell.verdict != "never"
    ]


def _recipients(version: Version, grid: Grid) -> list[Flow]:
    """From the purpose of a sharing to the kind of recipient."""
    shown = {column.term for column in grid.columns if column.kind == "recipient"}
    found: dict[tuple[str, str], Verdict] = {}
    for statement in version.shares:
        verdict: Verdict = "agree" if statement.only_if else "refuse" if statement.unless else "always"
        for purpose in statement.purposes:
            for recipient in statement.recipients:
                declared = version.recipient(recipient)
                kind = declared.kind if declared else recipient
                if kind in shown:
                    pair = (version.vocabulary.path("purpose", purpose)[0], kind)
                    found[pair] = _wider(found.get(pair, "never"), verdict)
    return [(2, purpose, kind, verdict) for (purpose, kind), verdict in found.items()]


def _wider(one: Verdict, other: Verdict) -> Verdict:
    return min(one, other, key=VERDICTS.index)


# --- the layout -------------------------------------------------------------------------------------------------------


def _columns(version: Version, grid: Grid, flows: Iterable[Flow]) -> list[dict[str, str]]:
    """The nodes of each column, key and label, in the order of the vocabulary; only those that a line touches."""
    flows = list(flows)

    def touched(column: int) -> set[str]:
        return {flow[1] for flow in flows if flow[0] == column} | {flow[2] for flow in flows if flow[0] + 1 == column}

    labels = version.vocabulary.label
    data = [group.whole.term for group in grid.groups]
    purposes = list(dict.fromkeys([c.term for c in grid.columns if c.kind == "purpose"] + sorted(touched(2))))
    kinds = [c.term for c in grid.columns if c.kind == "recipient"]
    return [
        {key: label for key, label in ORIGINS.items() if key in touched(0)},
        {key: labels("data", key) for key in data if key in touched(1)},
        {key: labels("purpose", key) for key in purposes if key in touched(2)},
        {key: labels("recipient", key) for key in kinds if key in touched(3)},
    ]


def _edges(nodes: dict[tuple[int, str], Node], flows: list[Flow]) -> tuple[Edge, ...]:
    """Curves between nodes. At each node they are spread over its height in the order of where they go."""

    def port(node: Node, place: int, count: int) -> float:
        spread = HEIGHT_OF_NODE - 10
        return node.y if count == 1 else round(node.y - spread / 2 + spread * place / (count - 1), 1)

    edges = []
    for flow in flows:
        column, start, end, verdict = flow
        source, target = nodes[column, start], nodes[column + 1, end]
        leaving = sorted(nodes[column + 1, other[2]].y for other in flows if other[:2] == (column, start))
        coming = sorted(nodes[column, other[1]].y for other in flows if (other[0], other[2]) == (column, end))
        y1 = port(source, leaving.index(target.y), len(leaving))
        y2 = port(target, coming.index(source.y), len(coming))
        x1, x2 = source.x + NODE, target.x
        middle = round((x1 + x2) / 2, 1)
        edges.append(Edge(f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}", verdict))
    # those that a person decides about are drawn last, on top
    return tuple(sorted(edges, key=lambda edge: VERDICTS.index(edge.verdict)))


def _in_words(grid: Grid, flows: list[Flow], columns: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    lines = []
    for group in grid.groups:
        root = group.whole.term
        if root not in columns[1]:
            continue
        sources = [small(columns[0][flow[1]]) for flow in flows if flow[0] == 0 and flow[2] == root]
        shared = [
            (column.label, cell.verdict)
            for column, cell in zip(grid.columns, group.whole.cells, strict=True)
            if column.kind == "recipient" and cell.verdict != "never"
        ]
        used = [small(columns[2][flow[2]]) + QUALIFIED[flow[3]] for flow in flows if flow[0] == 1 and flow[1] == root]
        text = f"From {listed(sources)}. " if sources else ""
        text += f"Used for: {listed(used)}. " if used else "Used for nothing. "
        text += (
            f"Shared with: {listed(small(label) + QUALIFIED[v] for label, v in shared)}." if shared else "Not shared."
        )
        lines.append((group.whole.label, text))
    return tuple(lines)
