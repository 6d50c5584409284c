"""Tables in the shape that Fivetran's connectors write, as rows of our own kinds.

What belongs here: which tables there are (`catalogue`), how a table is read (`reading`), what one
has to know of others (`joins`, `merges`), what its records become (`objects`, `beside`,
`signals`, `ads`), and the way through landing (`pages`, `importing`). A page of records lands as
it came, with what was looked up for it in other tables; `source` turns it into rows when the
landed file is read, so that they pass the ordinary contracts and a replay reads them anew.
"""

from ingestion.fivetran.importing import Desk, Imported, TableReport, import_tables

__all__ = ["Desk", "Imported", "TableReport", "import_tables"]
