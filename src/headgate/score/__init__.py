"""What does a model say of all the rows of a file? Through the server's own door, part by part: a kill costs one."""
