"""Mail: what was taken to be sent, and what came back."""

from __future__ import annotations

from troth.record.declared.shape import Field, Kind

MAIL: tuple[Kind, ...] = (
    Kind(
        "mailed",
        "A message to a person was taken to be sent, or withheld, as the policy and the person's choices say.",
        (
            Field("policy", "id", "the id of the policy"),
            Field("version", "text", "the version that was in force"),
            Field("statement", "text", "the statement that decided it, or nothing"),
            Field("stream", "id", "the stream that it was submitted to"),
            Field("purpose", "id", "the purpose of the stream"),
            Field("outcome", "id", "taken, suppressed or refused"),
            Field("person", "commitment", "the pseudonymous id of the person, or nothing for somebody unknown"),
            Field("mail", "commitment", "the id of the message, and why it was withheld"),
        ),
    ),
    Kind(
        "unsent",
        "A message that was taken was not sent after all.",
        (
            Field("stream", "id", "the stream that it was submitted to"),
            Field("outcome", "id", "suppressed, since the person refused it meanwhile, failed, or dropped by staff"),
            Field("person", "commitment", "the pseudonymous id of the person, or nothing for somebody unknown"),
            Field("mail", "commitment", "the id of the message, the entry that took it, and why"),
        ),
    ),
    Kind(
        "credential",
        "A credential to submit mail with was made or revoked.",
        (
            Field("change", "id", "created or revoked"),
            Field("credential", "id", "the id of the credential"),
            Field("stream", "id", "the stream whose mail it submits"),
        ),
    ),
    Kind(
        "suppressed",
        "Addresses get no mail of some kind from now on, or one may get it again.",
        (
            Field("change", "id", "added or lifted"),
            Field("scope", "text", "the choice or purpose that it is about, or all mail"),
            Field("reason", "id", "opt-out, bounce, complaint or import; of what was lifted, why"),
            Field("source", "id", "where it comes from, such as staff, erasure, or the service of an import"),
            Field("addresses", "integer", "how many"),
            Field("about", "commitment", "the blind forms of the addresses, and who of the staff did it"),
        ),
    ),
    Kind(
        "returned",
        "Something came back from mail: a bounce, a complaint, or a wish to get no more.",
        (
            Field("what", "id", "bounce, complaint or opt-out"),
            Field("source", "id", "how it came: a report, a message, the relay, or a webhook"),
            Field("stream", "text", "the stream of the mail, where that is known"),
            Field("status", "text", "the status code of a bounce (RFC 3463)"),
            Field("did", "id", "suppressed or opted-out"),
            Field("person", "commitment", "the pseudonymous id of the person, if the address is anybody's"),
            Field("about", "commitment", "the blind form of the address, and the choice"),
        ),
    ),
)
