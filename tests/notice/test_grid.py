"""The grid says what the decision point decides."""

import pytest
from notice_policies import FLAGSHIP

import troth
from troth.notice import grid

POINT = troth.DecisionPoint(FLAGSHIP)


def worlds(version):
    """What the person chose: everything refused, nothing chosen, everything agreed to."""
    ids = [choice.id for choice in version.choices]
    return {"always": dict.fromkeys(ids, "out"), "refuse": {}, "agree": dict.fromkeys(ids, "in")}


def decided(version, at, column, data, products):
    """The verdict that follows from the answers of the decision point."""
    given = frozenset(version.vocabulary.slugs("condition"))
    if column.kind == "deal":
        return "never"
    purposes = [column.term]
    if column.kind == "recipient":
        purposes = sorted({purpose for share in version.shares for purpose in share.purposes})
    for verdict, choices in worlds(version).items():
        for product in products:
            for purpose in purposes:
                decision = POINT.decide(
                    action="use" if column.kind == "purpose" else "share",
                    data=data,
                    purpose=purpose,
                    recipient=column.term if column.kind == "recipient" else None,
                    product=product,
                    choices=choices,
                    given=given,
                    at=at,
                )
                if decision.allowed:
                    return verdict
    return "never"


@pytest.mark.parametrize("version", FLAGSHIP.versions, ids=lambda version: version.id)
def test_every_cell_is_what_the_decision_point_decides(version):
    at = version.effective
    shown = grid.detailed(version, at)
    products = [None, *(covered.id for covered in version.covers)]
    different = [
        (row.term, column.term, cell.verdict, expected)
        for group in shown.groups
        for row in group.rows
        for column, cell in zip(shown.columns, row.cells, strict=True)
        if cell.verdict != (expected := decided(version, at, column, row.term, products))
    ]
    assert different == []


def test_the_grid_of_a_product_speaks_of_that_product_alone():
    version = FLAGSHIP.versions[1]
    shown = grid.detailed(version, version.effective, "workshifting")
    column = [column.term for column in shown.columns].index("service.provide")
    rows = {row.term: row.cells[column].verdict for group in shown.groups for row in group.rows}
    assert rows["content.post"] == "always"
    assert rows["content.chat"] == "never"  # chat is part of sessions, and the blog has none


def test_what_is_pledged_differs_from_what_is_not_said():
    version = FLAGSHIP.versions[1]
    shown = grid.detailed(version, version.effective)
    cells = {
        (row.term, column.term): cell
        for group in shown.groups
        for row in group.rows
        for column, cell in zip(shown.columns, row.cells, strict=True)
    }
    assert cells["contact.attendee", "marketing.own"] == grid.Cell("never", ("attendee-marketing",), pledged=True)
    assert cells["payment.card", "marketing.own"] == grid.Cell("never")
    assert all(cell.pledged and cell.statements for (_, column), cell in cells.items() if column == "deal")


def test_a_summary_tells_the_most_that_is_done():
    version = FLAGSHIP.versions[1]
    shown = grid.summary(version, version.effective)
    marketing = [column.term for column in shown.columns].index("marketing")
    whole = {group.whole.term: group.whole.cells[marketing].verdict for group in shown.groups}
    assert whole["contact"] == "refuse"  # an e-mail address; that of an attendee never
    assert whole["payment"] == "never"
    conditions = {column.term: column.given for column in shown.columns}
    assert conditions["processor"] == ("contract",)
    assert set(conditions["authority"]) == {"legal-process", "emergency"}
