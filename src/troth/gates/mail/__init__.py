"""The gate of mail: every marketing message says how to opt out, and none goes to who did.

A message is submitted (`taking`), read as bytes that are never written anew (`content`), decided recipient by recipient
(`deciding`), added to and signed (`signing`), queued and sent on (`sending`); what comes back leads to something
(`returning`). `accepting.py` is that path in one place, `post_office.py` puts its parts together.
"""
