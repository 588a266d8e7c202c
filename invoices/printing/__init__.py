"""Paper of the notes: DANFE on A4 and the simplified label of 10 x 15 cm."""
