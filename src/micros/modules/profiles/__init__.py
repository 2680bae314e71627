"""Ready sets of settings for a kind of system: `profiles.<name>.enable`."""
