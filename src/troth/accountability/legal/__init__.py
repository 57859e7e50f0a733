"""Legal requests: what an authority asks for, from intake to release or refusal, and that people are told."""
