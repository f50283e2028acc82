"""Running a compiled program: storage, batches, epochs, checkpoints."""
