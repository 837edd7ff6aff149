"""What the platform allows and remembers, a subject a module; none of it knows the HTTP server."""
