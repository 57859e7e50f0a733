"""`troth schema`: the JSON Schema of a policy file."""

from __future__ import annotations

import json
import sys


def schema() -> None:
    """Print the JSON Schema of a policy file, so that an editor completes and checks it."""
    from troth.policy.schema import policy_schema

    sys.stdout.write(json.dumps(policy_schema(), indent=1, ensure_ascii=False) + "\n")
