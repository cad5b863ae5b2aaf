"""What happens to the pages of the site while Sphinx writes them, and after."""
