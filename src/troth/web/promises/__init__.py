"""The pages that ask of each promise "is it kept?", and of one of them tell its whole story."""
