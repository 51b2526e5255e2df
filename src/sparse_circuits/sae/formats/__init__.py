"""The formats of published autoencoders, and how one becomes our folder. A new one is one file and one line here."""
