"""`python -m verifill` is the command `verifill`."""

from verifill.cli import main

if __name__ == "__main__":
    main()
