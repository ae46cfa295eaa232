"""ORAC measured by itself: a server whose truth is known, a bare client, and what ORAC makes of them."""
