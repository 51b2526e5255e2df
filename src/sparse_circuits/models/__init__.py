"""Models as ordinary Hugging Face folders, read and changed at named sites by plain PyTorch hooks."""
