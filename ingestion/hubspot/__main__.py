"""``python -m ingestion.hubspot``: HubSpot by itself."""

from ingestion.hubspot.source import SOURCE
from ingestion.sources.alone import main

if __name__ == "__main__":
    main(SOURCE)
