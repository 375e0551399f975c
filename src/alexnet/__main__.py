"""`python -m alexnet` is the command `alexnet`."""

from alexnet.cli.main import run

if __name__ == "__main__":
    run()
