"""What a sweep will take, said before anything of it runs."""
