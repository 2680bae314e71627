"""Boards: what each needs beside a system, as rows of facts; one file for each family."""
