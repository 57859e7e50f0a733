"""Promises: for each statement of the policy, is it kept? From what was verified, decided, complained of and signed."""
