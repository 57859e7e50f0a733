"""OpenID AuthZEN Authorization API 1.0: the decision over HTTP, from a request's bytes to those of its response."""
