"""What a study is: its settings, checked before anything runs. No tensors here, so the workflow's graph builds fast."""
