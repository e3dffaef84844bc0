"""From a query to one SQL statement. Pure: nothing here runs anything."""
