"""The policy decision point: may this happen, and which sentence says so?

`reference.py` is the meaning. `kernel.py` is the fast form of the same, tested against it. Nothing here writes, and
time comes in as an argument.
"""
