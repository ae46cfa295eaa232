"""The commands of `orac`, one file a noun. Each takes settings and arguments, writes, and returns the exit status."""
