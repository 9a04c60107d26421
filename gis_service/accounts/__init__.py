"""Who is signed in, what they may do and see, and the record of both."""
