"""Troth over HTTP: the decision route, the public pages, and the server that serves them on this machine."""
