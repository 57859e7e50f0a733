"""Signing mail with DKIM: the signature, the keys, and what has to be in DNS."""
