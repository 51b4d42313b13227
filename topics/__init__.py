"""The language: what publishers say and what consumers read. Knows no store, no broker and no clock."""
