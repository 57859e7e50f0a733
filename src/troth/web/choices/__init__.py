"""The pages on which people choose, and what covered sites load to let them choose there."""
