"""Journeys: definitions to a plan, the tick over facts and log, and rehearsals of both."""
