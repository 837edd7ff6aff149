"""The face: magics, forms, and what a cell shows. Nothing below knows of it."""
