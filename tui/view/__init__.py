"""What is shown: pure functions from a session to pages of styled lines. No arithmetic happens in widgets."""
