"""The widgets: thin, drawn line by line from pages."""
