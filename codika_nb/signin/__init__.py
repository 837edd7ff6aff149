"""From an e-mail address to a saved profile, without any user interface."""
