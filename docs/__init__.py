"""The documents site: ``python -m docs`` builds it, from what is in the repository anyway."""
