"""Settings: `base` is shared; `development` is the embedded shape, `production` the served one, `test` the suite's."""
