"""The doors: command line, and later HTTP. They hold no logic."""
