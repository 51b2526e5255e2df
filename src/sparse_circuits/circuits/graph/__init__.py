"""Attribution graphs: which features, errors and tokens make the next token of one prompt, and through which others."""
