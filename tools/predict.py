"""See ``mmseg_incremental/commands/predict.py``."""

from mmseg_incremental.commands.predict import main

if __name__ == '__main__':
    main()
