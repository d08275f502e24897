"""The command line: commands ask the lake, render what it answers, and decide nothing."""
