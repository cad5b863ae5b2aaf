"""The course's own tooling: it executes chapters and builds the site. No chapter imports it."""
