"""Complaints: what came in, what became of it and by when, and the independent body that it goes to where that fails.

A complaint is told by facts that are added and never changed (`accountability.ledger`); how it stands, and which
deadlines run, follows from them and a moment. What people write lies beside the facts, sealed under a key for each
complaint, and the record holds commitments only: destroy the key, and what they wrote is gone.
"""
