"""The fields of a playground's form: one `Input` for each field of the schema, whatever is inside of it."""
