"""The screens that lie over the replay: help, gallery, the program's editor."""
