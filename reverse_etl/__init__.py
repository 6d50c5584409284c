"""Everything that leaves: what readers open, and later segments, journeys and deliveries."""
