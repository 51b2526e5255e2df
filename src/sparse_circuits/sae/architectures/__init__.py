"""The architectures that can be trained. A new one is one file and one line here."""
