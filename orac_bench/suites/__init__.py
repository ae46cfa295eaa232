"""What is measured, as data: the grid of suites, and the prompts of a wanted length."""
