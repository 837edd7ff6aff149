"""Folders of workflows: read, checked, packed for the platform, and kept up to date after a deployment."""
