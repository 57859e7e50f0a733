"""What follows people follows data: opt-outs, corrections and erasures go to everyone who received data before."""
