"""Content-addressed builds: blobs, trees, steps and their results. Names a format's step program, never imports it."""
