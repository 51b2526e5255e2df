"""Studies: what a user asks for, put together of the settings of steps, checked, and told as a schema."""
