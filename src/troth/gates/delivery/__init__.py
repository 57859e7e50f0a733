"""Delivery to recipients: signed messages to their endpoints, tried until they arrive, and acknowledged by them."""
