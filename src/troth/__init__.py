"""Troth runs a privacy policy: each statement is a sentence that people read and a rule that the machine keeps.

>>> policy = troth.Policy.read("examples/citrix-online")
>>> point = troth.DecisionPoint(policy)
"""

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import Decision, Gate, Question, QuestionError
from troth.policy.history import Policy
from troth.policy.problems import PolicyError, Problem

__version__ = "0.1.0"

__all__ = [
    "Choices",
    "Decision",
    "DecisionPoint",
    "Gate",
    "Policy",
    "PolicyError",
    "Problem",
    "Question",
    "QuestionError",
    "__version__",
]
