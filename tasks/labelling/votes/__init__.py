"""What votes come to, and what they are worth: ways to combine them, and figures about voters and labels."""
