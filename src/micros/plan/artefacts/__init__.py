"""One file for each kind of artefact: which steps make it. `system.build` names these functions, so none is listed here."""
