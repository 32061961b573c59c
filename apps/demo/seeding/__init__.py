"""The demo data: one trial whose visits tell a story each, every label computed from phantom CT."""
