"""The marketing stack's other tools, one module each."""
