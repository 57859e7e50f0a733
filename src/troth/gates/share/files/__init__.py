"""Disclosures as files: made by a job in bounded memory, encrypted to the recipient, fetched over a single-use link."""
