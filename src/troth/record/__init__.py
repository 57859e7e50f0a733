"""The record: a transparency log of what happened, append-only, signed, provable to strangers.

The formats are those of C2SP, so that verifiers which exist already can check it; `verifier` is one of them, a single
file that runs without the rest of Troth.
"""
