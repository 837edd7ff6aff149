"""n8n as the sandbox's engine."""
