"""Where a Schema comes from: models, or a database that exists."""
