"""Recipients and what they received: contracts, disclosures, deliveries, files, and what follows data."""

from __future__ import annotations

from troth.record.declared.shape import Field, Kind

SHARING: tuple[Kind, ...] = (
    Kind(
        "recipient",
        "Something was registered about a recipient: who it is, a contract, the basis of a transfer, an end.",
        (
            Field("recipient", "id", "the id of the recipient"),
            Field("change", "id", "what was registered, such as contract or terminated"),
            Field("said", "text", "what it says, as JSON, without what might be about a person"),
        ),
    ),
    Kind(
        "endpoint",
        "The endpoint of a recipient was added, changed, enabled or disabled.",
        (
            Field("endpoint", "id", "the id of the endpoint"),
            Field("recipient", "id", "the id of the recipient"),
            Field("change", "id", "added, rotated, keyed, enabled or disabled"),
            Field("address", "sha256", "SHA-256 of its URL, which may hold a secret"),
            Field("keys", "text", "the method of its signatures and the public keys, as JSON"),
        ),
    ),
    Kind(
        "delivered",
        "A recipient took a delivery: it answered that it has it.",
        (
            Field("delivery", "id", "the id of the delivery"),
            Field("what", "id", "disclosure, or what follows one: opt-out, correction, erasure, notice"),
            Field("recipient", "id", "the id of the recipient"),
            Field("endpoint", "id", "the id of the endpoint"),
            Field("disclosure", "text", "the id of the disclosure, or nothing"),
            Field("batch", "integer", "the number of its batch; 0 without a disclosure"),
            Field("attempts", "integer", "how many attempts it took"),
            Field("digest", "sha256", "SHA-256 of the body, which holds a random number that nobody else knows"),
        ),
    ),
    Kind(
        "acknowledged",
        "A recipient signed that it received a delivery.",
        (
            Field("delivery", "id", "the id of the delivery"),
            Field("recipient", "id", "the id of the recipient"),
            Field("endpoint", "id", "the id of the endpoint"),
            Field("digest", "sha256", "SHA-256 of the body that it received"),
            Field("signature", "text", "its signature, which the key of the endpoint verifies"),
        ),
    ),
    Kind(
        "undelivered",
        "A delivery was given up, since all attempts failed, or stopped, since nothing of it may leave any more.",
        (
            Field("delivery", "id", "the id of the delivery"),
            Field("what", "id", "disclosure, or what follows one: opt-out, correction, erasure, notice"),
            Field("recipient", "id", "the id of the recipient"),
            Field("disclosure", "text", "the id of the disclosure, or nothing"),
            Field("batch", "integer", "the number of its batch; 0 without a disclosure"),
            Field("attempts", "integer", "how many attempts were made"),
            Field("outcome", "id", "failed or stopped"),
            Field("reason", "id", "why, as a code"),
        ),
    ),
    Kind(
        "disclosed",
        "Data of persons was given to a recipient for a purpose, as statements of the policy say.",
        (
            Field("disclosure", "id", "the random id of the disclosure"),
            Field("batch", "integer", "which part of the disclosure it is, from 1 on"),
            Field("recipient", "id", "who received it"),
            Field("purpose", "text", "what for"),
            Field("policy", "id", "the id of the policy"),
            Field("version", "id", "the version that was in force"),
            Field("product", "text", "the covered site or product, if one was named"),
            Field("channel", "id", "webhook, file or answer"),
            Field("statements", "counts", "how many values, by the statement that allowed them"),
            Field("persons", "integer", "of how many persons"),
            Field("values", "integer", "how many values"),
            Field("root", "sha256", "the root of a tree (RFC 6962) with a commitment for each of the persons"),
        ),
    ),
    Kind(
        "withheld",
        "Data was to go to a recipient, and when it left, some of it was not allowed any more and stayed.",
        (
            Field("disclosure", "id", "the random id of the disclosure"),
            Field("batch", "integer", "which part of it"),
            Field("persons", "integer", "of how many persons something stayed"),
            Field("why", "counts", "how many values stayed, by the reason"),
        ),
    ),
    Kind(
        "late",
        "What a recipient had to be told about a person was not acknowledged in time.",
        (
            Field("recipient", "id", "who had to be told"),
            Field("what", "id", "opt-out, correction or erasure"),
            Field("follow_up", "id", "the random id under which it is kept"),
            Field("since", "date", "since when it was to be passed on"),
        ),
    ),
    Kind(
        "handed-over",
        "What a recipient had to be told about a person was told by staff, by other means than a delivery.",
        (
            Field("recipient", "id", "who was told"),
            Field("what", "id", "opt-out, correction or erasure"),
            Field("follow_up", "id", "the random id under which it is kept"),
        ),
    ),
    Kind(
        "recipient-key",
        "A key of a recipient was registered or ended: one that files are encrypted to, or one to fetch them with.",
        (
            Field("recipient", "id", "the id of the recipient"),
            Field("change", "id", "registered or ended"),
            Field("key", "id", "the id of the key"),
            Field("sort", "id", "age, openpgp, or fetch: a secret of which only the hash is kept"),
            Field("fingerprint", "text", "the fingerprint of a public key; nothing for a secret"),
        ),
    ),
    Kind(
        "file-made",
        "The file of a disclosure was made, and encrypted to the recipient.",
        (
            Field("disclosure", "id", "the random id of the disclosure"),
            Field("recipient", "id", "who may fetch it"),
            Field("format", "id", "csv, jsonl or parquet"),
            Field("encryption", "id", "age or openpgp"),
            Field("key", "id", "the id of the recipient's key that it is encrypted to"),
            Field("size", "integer", "how many bytes it has, encrypted"),
            Field("sha256", "sha256", "SHA-256 of these bytes"),
            Field("persons", "integer", "of how many persons something is in it"),
            Field("values", "integer", "how many values"),
        ),
    ),
    Kind(
        "file-fetched",
        "The recipient fetched the file of a disclosure; its link opens nothing any more.",
        (
            Field("disclosure", "id", "the random id of the disclosure"),
            Field("recipient", "id", "who fetched it"),
            Field("size", "integer", "how many bytes it has"),
            Field("sha256", "sha256", "SHA-256 of these bytes"),
        ),
    ),
    Kind(
        "file-ended",
        "The file of a disclosure can be fetched no longer, and nobody had fetched it, or it was not made at all.",
        (
            Field("disclosure", "id", "the random id of the disclosure"),
            Field("recipient", "id", "whose it was to be"),
            Field("why", "id", "the reason, such as expired, or that of the gate that stopped it"),
        ),
    ),
)
