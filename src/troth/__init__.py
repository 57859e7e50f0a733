"""Troth runs a privacy policy."""
