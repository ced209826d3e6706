"""What the console shows, without the screen: imports no textual."""
