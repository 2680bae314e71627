"""From an evaluated configuration to steps: the one layer that sees both modules and store.

`described.plan_of` takes what a build needs out of a configuration, as frozen data that can be printed; `builder.Builder`
finds its packages and runs steps; each file of `artefacts` says which steps make one attribute of `system.build`.
"""
