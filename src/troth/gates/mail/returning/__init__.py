"""What comes back from mail: bounces, complaints and messages of people, and what they lead to."""
