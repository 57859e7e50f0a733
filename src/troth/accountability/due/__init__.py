"""What is due of staff: one function for each room says what of it has to be done, when, and by which command."""
