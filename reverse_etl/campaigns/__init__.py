"""Campaigns: their versions, the launch of what is due, approval, and what a launch would do."""
