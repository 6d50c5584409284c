"""Figures side by side with a peer, in one process: ratios, because machines are noisy."""
