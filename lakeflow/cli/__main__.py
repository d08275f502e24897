"""`python -m lakeflow.cli`: the command line where the console script is not on the path."""

from lakeflow.cli.main import main

if __name__ == "__main__":
    main()
