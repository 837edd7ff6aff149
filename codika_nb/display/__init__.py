"""Plain data, fit to be shown in a cell. Nothing here knows what Codika is."""
