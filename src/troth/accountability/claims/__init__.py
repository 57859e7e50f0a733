"""Claims as staff act on them: what a programme asks for, how a claim is assessed, and who signs it.

`programmes` reads the lists of requirements, `assessing` holds a policy and the record against them, `desk` takes the
signed acts of staff. How a claim stands is for `conditions/claims` to say.
"""
