"""Settings: `base` for all shapes, `development` the embedded one, `production`, and `test` for the suite."""
