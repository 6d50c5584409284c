"""The ad platforms, one module each."""
