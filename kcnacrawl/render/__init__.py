"""The browser that shows a page where plain HTTP does not suffice."""
