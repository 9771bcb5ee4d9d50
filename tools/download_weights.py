"""``mmseg-incremental download-weights`` of a clone."""

from mmseg_incremental.commands.download_weights import main

if __name__ == '__main__':
    main()
