"""What people may ask of their data, and the proof that it was done."""
