"""Jobs that runners ask for: a queue in the records' database, from which each job is taken once."""
