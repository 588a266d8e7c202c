"""Notes and events of a period for the accountant, and the totals of each month."""
