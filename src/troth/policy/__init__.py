"""The language: what a policy can say, how a file is read, what its words mean.

Pure: reads files and nothing else. `history.Policy` is where to begin; `model.Version` is what a file becomes.
"""
