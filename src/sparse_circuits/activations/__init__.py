"""The activation cache: token sequences, HDF5 shards written permuted and atomically, a manifest, and their reader."""
