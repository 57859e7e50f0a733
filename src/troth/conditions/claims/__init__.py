"""Claims: memberships, certifications and frameworks, what was entered about them, and how each stands now.

`facts` is what can be entered, `standing` how a claim stands at a moment by its facts, `register` keeps them in the
store and the record, and `applied` lets a policy follow: a claim that does not stand takes its sentence, its seal and
the transfers that rest on it with it.
"""
