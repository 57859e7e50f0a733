"""Who sees the desk: whoever asks from this machine under one of its own names, or has a service key for all of it.

The desk shows what no other page does, such as requests that must not be told of. A key for less than everything that
is shared does not open it: what a question leaves out is asked of everything, here as at every other door.
"""

from __future__ import annotations

from troth.policy.vocabulary import Vocabulary
from troth.web.headers import Scope
from troth.web.hosts import is_here
from troth.web.services import Callers, must_cover

ASKED = {"actions": "share", "purposes": None, "data": None, "products": None, "recipients": None}


async def admit(callers: Callers, scope: Scope, vocabulary: Vocabulary) -> None:
    """Let a request in, or raise CallerRefusedError: 401 without a key that counts, 403 with one that is for less."""
    sent = any(name == b"authorization" for name, _ in scope["headers"])
    if not sent and callers.is_local(scope) and is_here(scope):
        return
    key = await callers.caller(scope)
    if key is None:
        # No key was asked for, since there is none: then only this machine is let in.
        if not is_here(scope):
            must_cover("Only this machine sees the desk, or whoever has a service key for it.")
        return
    lacks = (key.scope.lacks(vocabulary, dimension, wanted) for dimension, wanted in ASKED.items())
    must_cover(next((why for why in lacks if why is not None), None))
