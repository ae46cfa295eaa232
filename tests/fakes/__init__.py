"""Real servers that play a part: they listen on loopback and say what they were told to say."""
