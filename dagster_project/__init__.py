"""Orchestration: thin assets over library functions, checks, jobs, schedules and sensors."""
