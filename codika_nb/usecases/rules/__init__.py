"""The rules that decide whether a deployment of a use case runs."""
