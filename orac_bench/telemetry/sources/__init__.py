"""Where readings come from: one file a source, each of which takes its root or its program as an argument."""
