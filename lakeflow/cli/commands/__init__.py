"""The commands, by what a person wants: the project, a run, a look."""
