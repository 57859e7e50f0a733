"""The notice: a policy as people and machines read it.

Pure: values of the policy and a moment go in, the bytes of a page come out (`pages.find`). It has no sentence and no
rule of its own: what a page tells is what the statements say.
"""
