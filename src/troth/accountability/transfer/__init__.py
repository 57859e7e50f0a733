"""Transfers of the business: people are told ahead, and the whole archive is handed over provably complete."""
