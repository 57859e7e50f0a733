"""What pages and mails of complaints call steps, states and outcomes."""

from __future__ import annotations

TOLD = {
    "received": "It came in",
    "acknowledged": "Acknowledged",
    "added": "More was written",
    "answered": "Answered",
    "settled": "Settled: whoever complained is content",
    "escalated": "Passed on to the recourse body",
    "agreed": "The recourse body may read what was written",
    "asked": "The recourse body asks",
    "mediated": "The recourse body proposes",
    "determined": "The recourse body determined",
    "appealed": "Appealed",
    "remedied": "Remedied",
    "closed": "Closed",
    "erased": "What was written is erased",
}
STATES = {
    "received": "It is here, and nobody has acknowledged it yet.",
    "acknowledged": "It is here, and waits for an answer.",
    "answered": "It was answered.",
    "settled": "It is settled.",
    "escalated": "It is with the recourse body.",
    "mediated": "The recourse body proposed how to settle it.",
    "determined": "The recourse body has determined.",
    "appealed": "The recourse body looks at it again.",
    "remedied": "It is remedied.",
    "closed": "It is closed.",
}
OUTCOMES = {"upheld": "The complaint is right.", "partly": "It is right in part.", "dismissed": "It is not right."}
ENDINGS = {
    "ineligible": "It is not of the kind that the programme settles.",
    "silent": "Nothing more was said in the 30 days after the answer.",
    "noted": "The feedback is noted.",
    "withdrawn": "It was taken back.",
    "final": "The determination stands.",
    "done": "All is done.",
}
WHO = {"person": "by whoever complained", "body": "by the recourse body", "troth": "by itself", "staff": ""}
