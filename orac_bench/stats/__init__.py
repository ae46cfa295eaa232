"""Statistics: pure functions of numbers. Nothing here reads, stores or draws."""
