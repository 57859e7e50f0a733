"""Answering for it: staff, cases, claims, complaints, and what was verified."""

from __future__ import annotations

from troth.record.declared.shape import Field, Kind

ANSWERING: tuple[Kind, ...] = (
    Kind(
        "staff",
        "Somebody of the staff was given a key to sign with, another one, other roles, or may sign no longer.",
        (
            Field("change", "id", "added, rotated, changed or retired"),
            Field("staff", "id", "the random id of the one who signs"),
            Field("key", "sha256", "SHA-256 of the public key"),
            Field("roles", "text", "the roles, separated by commas"),
            Field("act", "text", "SHA-256 of the signed statement by which it was done, or nothing"),
        ),
    ),
    Kind(
        "case",
        "Something happened in a case. All of it is committed to, since even that there is one may be secret.",
        (
            Field("said", "commitment", "what kind of case it is, which one, and what happened"),
            Field("act", "commitment", "SHA-256 of the signed statement by which it was done, or nothing"),
        ),
    ),
    Kind(
        "claim",
        "Something was entered about a claim to a programme or framework: a draft, an assessment, a signature.",
        (
            Field("claim", "id", "the id of the claim"),
            Field("change", "id", "what was entered, such as assessed or signed"),
            Field("said", "text", "what it says, as JSON, without what might be about a person"),
            Field("act", "text", "SHA-256 of the signed act of staff for it, as hex digits; empty without one"),
        ),
    ),
    Kind(
        "verified",
        "Something that promises rest on was tested: the record, the registers, a safeguard.",
        (
            Field("name", "id", "what was tested, such as record or tls"),
            Field("result", "id", "passed, failed, or unknown where nothing could tell"),
            Field("sentence", "text", "what was found"),
        ),
    ),
)
