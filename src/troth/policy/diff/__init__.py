"""What changed between two versions of a policy, which way, and who must be told or asked again.

`diff(old, new)` gives a `Diff`; `as_lines` tells it to people, `as_json` to programs. `docs/reference/diff.md` explains
the words.
"""

from troth.policy.diff.compare import as_json, diff
from troth.policy.diff.shape import Audience, Change, Diff, Effect, FieldChange, Sentence, Standing
from troth.policy.diff.words import as_lines, change_lines, effect_line, effect_lines

__all__ = [
    "Audience", "Change", "Diff", "Effect", "FieldChange", "Sentence", "Standing",
    "as_json", "as_lines", "change_lines", "diff", "effect_line", "effect_lines",
]  # fmt: skip
