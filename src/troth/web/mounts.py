"""What is served besides decisions and the pages of the policy: which app answers for which paths, and what is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from troth.web.headers import App

if TYPE_CHECKING:
    from troth.accountability.telling import Teller
    from troth.gates.share.files.files import Files
    from troth.notice.view import Published
    from troth.people import ChoiceIndex
    from troth.web.choices.app import ChoicePages
    from troth.web.complaints.place import Place as Complaints
    from troth.web.services import Callers
    from troth.web.v1.app import Gates


class Mount(NamedTuple):
    """An app that answers for some paths, before the pages do: whether it takes a path, and the app."""

    takes: Callable[[str], bool]
    app: App


class Rooms(msgspec.Struct, kw_only=True):
    """What is open; without a store nothing is. `mounts` are asked in their order.

    `published` leads the versions of the policy to their proofs, `sealed` are the claims that have a seal, and
    `complained` says how many complained about a promise. `subscribers` tells those who follow the list of recipients.
    """

    mounts: list[Mount] = []
    published: tuple[Published, ...] = ()
    sealed: tuple[tuple[str, str], ...] = ()
    callers: Callers | None = None
    index: ChoiceIndex | None = None
    choices: ChoicePages | None = None
    complaints: Complaints | None = None
    complained: Callable[[str], tuple[int, int] | None] | None = None
    gates: Gates | None = None
    teller: Teller | None = None
    subscribers: Callable[[], int] | None = None
    files: Files | None = None
