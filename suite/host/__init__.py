"""What the suite asks of the machine it runs on: caches, disks, processors, progress for who waits."""
