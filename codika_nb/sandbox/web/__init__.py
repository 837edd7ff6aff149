"""What speaks HTTP: routes, who is let in by which door, the shapes of answers, and the pages for people."""
