"""What a Space starts, and `python app.py`: the interface. The same as the command `bibier app`."""

from bibier.cli.app import main

if __name__ == "__main__":
    main()
