"""Seals: the picture that a covered site shows, and the page that says whether it may.

A picture can be copied, so the picture is worth nothing by itself: the page behind it names the holder and the sites on
which it may stand, says how the claim stands now, and has the proof.
"""
