"""What the board did while the model ran: readings, energy, conditions, and what spoils a round."""
