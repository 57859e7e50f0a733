"""Sending mail on: the queue, the last look before a message leaves, the server upstream, and what came of it."""
