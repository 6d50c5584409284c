"""Next best action: what to do with each contact, what other choices would have brought, and who
resembles whom."""
