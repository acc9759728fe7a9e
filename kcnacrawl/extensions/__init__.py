"""Beside the crawl: what a person sees while it runs, and what is said of it when it ends."""
