"""The one training loop: batches, augmentation, optimisers, devices, masks exact at every step."""
