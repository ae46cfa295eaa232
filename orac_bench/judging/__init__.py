"""From what is stored to what may be said: comparisons, histories, the overview. Used by the shell and the service."""
