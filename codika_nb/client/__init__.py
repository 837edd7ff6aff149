"""The platform over HTTP: what is sent, how answers are read, and the two ways to do it."""
