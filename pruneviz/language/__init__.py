"""Language models as their users see them: texts that they write, and how fast."""
