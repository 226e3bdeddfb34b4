"""Jobs as all pages show them: one look at the folders for all sessions, one panel."""
