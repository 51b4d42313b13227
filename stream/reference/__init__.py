"""What documents say that the code knows better: pages, schemas and pictures made from it, and compared by a test."""
