"""Cases of the module language, each in the form FORMAT describes, run on the engine."""
