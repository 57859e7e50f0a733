"""The gate of mail: every marketing message says how to opt out, and none goes to who did.

Bytes are read and spliced here and never written anew, so everything outside what Troth adds stays as it was sent.
"""
